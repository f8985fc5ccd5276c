import random

from musicgen.effects.differences import Configuration, count_changes, differing_parameters

VALUES: dict[str, list[object]] = {
    "data.name": ["oneills", "irish", "irish"],
    "data.path": ["oneills1850", "irish.abc"],
    "data.clean": [True, False],
    "corpus.sha256": ["0", "1", None],
    "model.cell": ["lstm", "gru"],
    "model.hidden_size": [64, 64.0, 128, None, "null"],
    "training.num_threads": [1, 2],
    "training.precision": ["fp32", "bf16"],
    "sampling.prompts": [["X:"], ["X:", "K:D"]],
}


def one_by_one(configurations: list[Configuration]) -> list[int]:
    """The same by comparing every two."""
    counts = []
    for base in configurations:
        levels: list[tuple[str, object]] = []
        for other in configurations:
            names = differing_parameters(base, other)
            if len(names) == 1 and (level := (names[0], other.get(names[0], "absent"))) not in levels:
                levels.append(level)
        counts.append(len(levels))
    return counts


def test_counts_of_changes_equal_pairwise_comparisons() -> None:
    choose = random.Random(0)
    found = []
    for _ in range(40):
        configurations: list[Configuration] = []
        for _ in range(60):
            names = [name for name in VALUES if name != "model.cell" or choose.random() < 0.8]
            one = {name: choose.choice(VALUES[name]) for name in names}
            if one not in configurations:
                configurations.append(one)
        expected = one_by_one(configurations)
        assert count_changes(configurations) == expected
        found += expected
    assert len(set(found)) > 5


def test_ten_thousand_configurations_are_counted_quickly() -> None:
    rates: list[Configuration] = [
        {"data.name": "oneills", "training.learning_rate": rate} for rate in range(10_000)
    ]
    assert set(count_changes(rates)) == {9_999}
