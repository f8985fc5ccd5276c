from pathlib import Path

from musicgen.records.sampled_tunes import read_songs
from musicgen.reporting.material import Material, gather
from musicgen.reporting.pairs import comparisons
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, write_run


def test_both_sides_have_the_same_seed_and_index(material: Material) -> None:
    for comparison in comparisons(material.star, read_songs, 4):
        assert comparison.pairs and not comparison.reason
        for pair in comparison.pairs:
            assert pair.baseline.index == pair.changed.index
            assert pair.baseline.run.record.seed == pair.changed.run.record.seed
            assert pair.baseline.run.record.change is None
            assert pair.changed.run.record.change is not None
            assert pair.has_same_prompt


def test_every_seed_comes_before_any_comes_twice(material: Material) -> None:
    gru, rate = comparisons(material.star, read_songs, 4)
    assert [pair.baseline.run.record.seed for pair in gru.pairs] == [0, 1, 2, 0]
    # The third seed diverged.
    assert [pair.baseline.run.record.seed for pair in rate.pairs] == [0, 1, 0, 1]
    assert [pair.baseline.index for pair in gru.pairs] == [0, 0, 0, 1]


def test_a_pair_can_be_played_where_one_exists_and_says_what_is_equal(tmp_path: Path) -> None:
    silent = ("", {"num_notes": 0})
    write_run(made_run("b/seed=0"), tmp_path, [silent, (GOOD, {}), (GOOD, {})])
    change = ("sampling.prompts", ["X"], ["X:1\n"])
    tunes = [(GOOD, {"prompt": "X"}), silent, (GOOD, {"prompt": "X"})]
    overrides = {"sampling.prompts": ["X"]}
    write_run(made_run("c/seed=0", change=change, overrides=overrides), tmp_path, tunes)
    (comparison,) = comparisons(gather([tmp_path]).star, read_songs, 2)
    (pair,) = comparison.pairs
    assert pair.baseline.index == 2 and not pair.has_same_prompt and pair.is_same_tune


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    write_run(made_run("b/seed=0"), tmp_path, [(GOOD, {})])
    change, overrides = ("model.cell", "gru", "lstm"), {"model.cell": "gru"}
    write_run(made_run("c/seed=0", change=change, overrides=overrides, status="diverged"), tmp_path)
    (comparison,) = comparisons(gather([tmp_path]).star, read_songs, 2)
    assert comparison.pairs == () and "seed 0: diverged" in comparison.reason
