import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.config import Change
from musicgen.effects.pairing import PairedRuns, pair_runs
from musicgen.errors import InputError
from musicgen.records.runs import FoundRun, sweep_directory
from tests.records.made_runs import made_run, made_study

RATE_NAME = "training.learning_rate"


def arms_of(paired: PairedRuns) -> dict[str, list[int]]:
    found = {}
    for arm in paired.arms:
        assert arm.change is not None
        found[f"{arm.change.parameter}={arm.change.value}"] = [run.record.seed for run in arm.runs]
    return found


def seeds_of(paired: PairedRuns) -> list[int]:
    return [run.record.seed for run in paired.baseline.runs]


def grid(**levels: list[object]) -> list[FoundRun]:
    names = {
        "rate": RATE_NAME,
        "size": "model.hidden_size",
        "temperature": "sampling.temperature",
        "seed": "seed",
    }
    runs = []
    for number, point in enumerate(itertools.product(*levels.values())):
        values = dict(zip(levels, point, strict=True))
        seed = int(str(values.pop("seed", 0)))
        overrides = {names[name]: value for name, value in values.items()}
        runs.append(made_run(f"grid/{number:03}/seed={seed}", seed=seed, overrides=overrides))
    return runs


def test_a_study_pairs_its_arms_by_what_it_declares() -> None:
    paired = pair_runs(made_study({0.005: [1, 1, 1], 0.001: [1, 1, 1], 0.01: [1, 1, None]}))
    assert arms_of(paired) == {f"{RATE_NAME}=0.001": [0, 1, 2], f"{RATE_NAME}=0.01": [0, 1, 2]}
    assert seeds_of(paired) == [0, 1, 2] and not paired.left_out


def test_a_config_group_is_one_change() -> None:
    base = [made_run(f"s/base/seed={seed}", seed=seed) for seed in range(2)]
    gru = [
        made_run(
            f"s/gru/seed={seed}",
            seed=seed,
            overrides={"model.cell": "gru", "model.hidden_size": 128, RATE_NAME: 0.1},
            change=("model", "gru", "lstm"),
        )
        for seed in range(2)
    ]
    assert arms_of(pair_runs(base + gru)) == {"model=gru": [0, 1]}


def test_a_grid_is_compared_along_its_single_changes() -> None:
    paired = pair_runs(grid(rate=[0.001, 0.005, 0.01], size=[64, 128], seed=[0, 1]))
    # Every point has three neighbours; the first one found is the baseline.
    assert arms_of(paired) == {
        f"{RATE_NAME}=0.005": [0, 1],
        f"{RATE_NAME}=0.01": [0, 1],
        "model.hidden_size=128": [0, 1],
    }
    assert len(paired.left_out) == 4


def test_without_a_study_the_baseline_has_the_most_arms() -> None:
    runs = grid(rate=[0.001, 0.005], size=[64]) + grid(rate=[0.005], size=[128, 256], temperature=[0.7])
    paired = pair_runs(runs)
    assert set(arms_of(paired)) == {f"{RATE_NAME}=0.001", "model.hidden_size=128", "model.hidden_size=256"}
    assert paired.arms[0].change is not None and paired.arms[0].change.baseline_value == 0.005


def test_a_tie_goes_to_more_seeds() -> None:
    runs = [*grid(rate=[0.001]), *(made_run(f"more/{seed}/x", seed=seed) for seed in range(3))]
    paired = pair_runs(runs)
    assert seeds_of(paired) == [0, 1, 2] and list(arms_of(paired)) == [f"{RATE_NAME}=0.001"]


def test_another_baseline_can_be_chosen() -> None:
    study = made_study({0.005: [1, 1], 0.001: [1, 1], 0.01: [1, 1]})
    paired = pair_runs(study, {RATE_NAME: "1e-2"})
    assert arms_of(paired) == {f"{RATE_NAME}=0.001": [0, 1], f"{RATE_NAME}=0.005": [0, 1]}
    assert all(run.record.change is None for run in paired.baseline.runs)
    declared = pair_runs(study, {RATE_NAME: "0.005", "model.cell": "lstm"})
    assert arms_of(declared) == arms_of(pair_runs(study))


@pytest.mark.parametrize(
    ("baseline", "complaint"),
    [
        ({RATE_NAME: "0.5"}, r"there are runs with 0.005, 0.001"),
        ({"model": "gru"}, "no run has a parameter model"),
    ],
)
def test_an_unknown_baseline_is_refused(baseline: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        pair_runs(made_study({0.005: [1], 0.001: [1]}), baseline)


def test_of_two_copies_the_complete_one_is_kept() -> None:
    broken = made_run("a/base/seed=0", run_id="r", status="interrupted")
    whole = made_run("b/base/seed=0", run_id="r")
    paired = pair_runs([broken, whole])
    assert [run.directory for run in paired.baseline.runs] == [Path("b/base/seed=0")] and not paired.left_out


def test_a_second_run_of_the_same_seed_is_left_out() -> None:
    paired = pair_runs([made_run("a/base/seed=0", run_id="cpu"), made_run("b/base/seed=0", run_id="cuda")])
    assert [run.record.run_id for run in paired.left_out] == ["cuda"]


def test_studies_with_the_same_baseline_are_joined() -> None:
    first = [
        made_run("a/base/seed=0", run_id="b0"),
        made_run("a/x/seed=0", overrides={RATE_NAME: 0.1}, change=(RATE_NAME, 0.1, 0.005)),
    ]
    second = [
        made_run("b/base/seed=0", run_id="b0"),
        made_run("b/x/seed=0", overrides={"model.cell": "gru"}, change=("model", "gru", "lstm")),
    ]
    stray = [
        made_run("runs/day/gru", seed=1, overrides={"model.cell": "gru"}),
        made_run("runs/day/base", seed=1),
        made_run("runs/day/far", seed=1, overrides={"model.cell": "gru", RATE_NAME: 0.3}),
    ]
    paired = pair_runs(first + second + stray)
    assert arms_of(paired) == {f"{RATE_NAME}=0.1": [0], "model=gru": [0, 1]}
    assert seeds_of(paired) == [0, 1]
    assert [run.directory.name for run in paired.left_out] == ["far"]


def test_only_a_fixed_split_seed_is_a_difference() -> None:
    following = [made_run(f"a/{seed}/x", seed=seed) for seed in range(3)]
    assert seeds_of(pair_runs(following)) == [0, 1, 2]
    fixed = [made_run(f"a/{seed}/x", seed=seed, split_seed=0) for seed in range(3)]
    assert seeds_of(pair_runs(fixed)) == [0, 1, 2]
    mixed = [made_run("b/0/x", seed=1), made_run("b/1/x", seed=2), made_run("b/2/x", seed=1, split_seed=7)]
    paired = pair_runs(mixed)
    assert seeds_of(paired) == [1, 2] and list(arms_of(paired)) == ["data.split_seed=7"]


def test_corpus_fields_and_thread_counts_are_not_changes_themselves() -> None:
    corpus = {"data.name": "irish", "data.source": "download", "data.path": "irish.abc"}
    larger = {"model.hidden_size": 512, "training.num_threads": 2}
    runs = [made_run("a/0/x"), made_run("a/1/x", overrides=corpus), made_run("a/2/x", overrides=larger)]
    assert set(arms_of(pair_runs(runs))) == {"data.name=irish", "model.hidden_size=512"}


def test_a_run_that_failed_before_reading_keeps_its_arm() -> None:
    study = made_study({0.005: [1, None], 0.01: [1, 1]})
    study[1].record.corpus = {"name": "oneills"}
    paired = pair_runs(study)
    assert seeds_of(paired) == [0, 1] and list(arms_of(paired)) == [f"{RATE_NAME}=0.01"]


def test_rendering_and_tracking_make_no_difference() -> None:
    runs = [made_run("a/0/x"), made_run("a/1/x", seed=1, overrides={"tracker.mode": "live"})]
    assert seeds_of(pair_runs(runs)) == [0, 1]


def test_joint_changes_come_last_and_retuned_runs_are_separate() -> None:
    study = made_study({0.005: [1], 0.01: [1]})
    joint = made_run(
        "sweep/all/seed=0",
        overrides={RATE_NAME: 0.01, "model.cell": "gru"},
        # As a table has it: equal, and not the same object.
        change=("".join(["com", "bined"]), "a, b", None),
    )
    gru = made_run("sweep/gru/seed=0", overrides={"model.cell": "gru"}, change=("model", "gru", "lstm"))
    again = made_run(
        "sweep/gru2/seed=0",
        overrides={"model.cell": "gru", RATE_NAME: 0.02},
        change=("model", "gru", "lstm"),
        retuned={RATE_NAME: 0.02},
    )
    paired = pair_runs([joint, *study, gru, again])
    assert list(arms_of(paired)) == [f"{RATE_NAME}=0.01", "model=gru", "combined=a, b"]
    assert [run.directory.parent.name for run in paired.arms[1].retuned] == ["gru2"]


def test_unrelated_runs_have_no_arms() -> None:
    paired = pair_runs(
        [made_run("a/0/x"), made_run("a/1/x", overrides={"model.cell": "gru", RATE_NAME: 1.0})]
    )
    assert not paired.arms and len(paired.left_out) == 1


def test_levels_ascend_within_their_parameter() -> None:
    runs = [made_run("a/base/x")]
    for name, parameter, value in (
        ("b", "model.hidden_size", 512), ("c", RATE_NAME, 0.1), ("d", "model.hidden_size", 8),
        ("e", RATE_NAME, 0.02), ("f", "model.cell", "gru"),
    ):  # fmt: skip
        runs.append(made_run(f"a/{name}/x", overrides={parameter: value}))
    assert list(arms_of(pair_runs(runs))) == [
        "model.hidden_size=8", "model.hidden_size=512", f"{RATE_NAME}=0.02", f"{RATE_NAME}=0.1",
        "model.cell=gru",
    ]  # fmt: skip


def test_a_study_without_its_baseline_hides_no_other() -> None:
    lost = made_run("a/x/seed=0", overrides={"model.hidden_size": 8, RATE_NAME: 0.1},
                    change=(RATE_NAME, 0.1, 0.005))  # fmt: skip
    paired = pair_runs([lost, *made_study({0.005: [1, 1], 0.01: [1, 1]})])
    assert arms_of(paired) == {f"{RATE_NAME}=0.01": [0, 1]} and paired.left_out == (lost,)


def test_a_null_level_comes_before_numbers() -> None:
    runs = [made_run("a/base/x", overrides={"training.gradient_clip": 1.0})]
    runs += [made_run(f"a/{v}/x", overrides={"training.gradient_clip": v}) for v in (0.5, None)]
    assert list(arms_of(pair_runs(runs))) == ["training.gradient_clip=None", "training.gradient_clip=0.5"]


def test_keys_depend_on_values_and_not_on_spelling() -> None:
    assert (
        Change("a", {"x": 1, "b": 2}, None).key
        == Change("a", {"b": 2, "x": 1}, 5).key
        == 'a={"b": 2, "x": 1}'
    )
    assert Change("a", None, 1).key == "a=null" != Change("a", "null", 1).key == 'a="null"'


def test_all_runs_include_the_retuned_ones() -> None:
    study = made_study({0.005: [1, 1], 0.01: [1, 1]})
    again = made_run("sweep/r/seed=0", overrides={RATE_NAME: 0.01, "model.hidden_size": 8},
                     change=(RATE_NAME, 0.01, 0.005), retuned={"model.hidden_size": 8})  # fmt: skip
    other = made_run("sweep/s/seed=0", overrides={"model.hidden_size": 8}, retuned={"model.hidden_size": 8})
    paired = pair_runs([*study, again, other])
    assert [run.directory.parent.name for run in paired.runs] == [
        "learning_rate=0.005", "learning_rate=0.005", "s", "learning_rate=0.01", "learning_rate=0.01", "r"
    ]  # fmt: skip
    assert [run.directory.parent.name for run in paired.baseline.retuned] == ["s"]


def test_a_sweep_is_where_its_plan_is_or_two_folders_up(tmp_path: Path) -> None:
    (tmp_path / "sweep" / "deep" / "arm" / "seed=0").mkdir(parents=True)
    planned, loose = (
        made_run(tmp_path / "sweep" / "deep" / "arm" / "seed=0"), made_run(tmp_path / "a" / "b" / "c")
    )  # fmt: skip
    assert sweep_directory(planned) == (tmp_path / "sweep" / "deep").resolve()
    (tmp_path / "sweep" / "plan.csv").touch()
    assert sweep_directory(planned) == (tmp_path / "sweep").resolve()
    assert sweep_directory(loose) == (tmp_path / "a").resolve()


def test_the_sweep_of_a_run_at_the_top_is_the_root() -> None:
    assert sweep_directory(made_run("/data")) == Path("/")


def test_the_declared_baseline_with_most_arms_then_seeds_wins() -> None:
    def study(name: str, size: int, rates: list[float], seeds: int) -> list[FoundRun]:
        return [
            made_run(f"{name}/{rate}/seed={seed}", seed=seed,
                     overrides={"model.hidden_size": size, RATE_NAME: rate},
                     change=None if rate == 0.005 else (RATE_NAME, rate, 0.005))
            for rate in (0.005, *rates) for seed in range(seeds)
        ]  # fmt: skip

    def size_of(paired: PairedRuns) -> object:
        return paired.baseline.runs[0].record.config["model"]["hidden_size"]  # pyright: ignore

    paired = pair_runs(study("a", 8, [0.1], 3) + study("b", 16, [0.1, 0.2], 1))
    assert size_of(paired) == 16 and len(paired.left_out) == 6
    paired = pair_runs(study("a", 8, [0.1, 0.2], 1) + study("b", 16, [0.1], 3))
    assert size_of(paired) == 8 and len(paired.left_out) == 6
    assert size_of(pair_runs(study("a", 8, [0.1], 1) + study("b", 16, [0.1], 2))) == 16
    assert size_of(pair_runs(study("a", 8, [0.1], 1) + study("b", 16, [0.1], 1))) == 8


def test_a_baseline_can_be_a_word_a_number_or_a_list() -> None:
    runs = [
        made_run("a/0/x"),
        made_run("a/1/x", overrides={"sampling.prompts": ["X:2\n"]}),
        made_run("a/2/x", overrides={"model.cell": "gru"}),
        made_run("a/3/x", overrides={"data.clean": False}),
    ]
    for parameter, text, name in (
        ("sampling.prompts", '["X:2\\n"]', "1"), ("model.cell", "gru", "2"), ("data.clean", "false", "3")
    ):  # fmt: skip
        (run,) = pair_runs(runs, {parameter: text}).baseline.runs
        assert run.directory.parent.name == name
    with pytest.raises(InputError, match=r'--baseline model\.cell=rnn: no such run; .* with "lstm", "gru"$'):
        pair_runs(runs, {"model.cell": "rnn"})


@pytest.mark.parametrize("limit", ["data.max_megabytes", "training.max_minutes"])
def test_a_limit_is_not_a_difference(limit: str) -> None:
    runs = [made_run("a"), made_run("b", overrides={"model.cell": "gru", limit: 64})]
    assert list(arms_of(pair_runs(runs))) == ["model.cell=gru"]


def test_an_unset_wish_is_not_a_difference() -> None:
    runs = made_study({0.005: [1.0], 0.01: [2.0]})
    sampling = runs[1].record.config["sampling"]
    assert isinstance(sampling, dict)
    sampling["key"] = None
    assert arms_of(pair_runs(runs)) == {"training.learning_rate=0.01": [0]}


def test_an_arm_with_undeclared_changes_is_left_out() -> None:
    study = made_study({0.005: [1, 1], 0.001: [1, 1], 0.01: [1, 1]})
    other = made_run(
        "sweep/more/seed=0",
        overrides={RATE_NAME: 0.02, "model.hidden_size": 128},
        change=(RATE_NAME, 0.02, 0.005),
    )
    paired = pair_runs([*study, other])
    assert f"{RATE_NAME}=0.02" not in arms_of(paired) and other in paired.left_out
    assert len(paired.doubts) == 1 and "model.hidden_size" in paired.doubts[0]
    assert not pair_runs(study).doubts


def test_a_changed_baseline_has_no_arms() -> None:
    study = made_study({0.005: [1], 0.001: [1], 0.01: [1]})
    changed = [
        replace(run, record=replace(run.record, config=with_size(run.record.config, 128)))
        if run.record.change is None
        else run
        for run in study
    ]
    paired = pair_runs(changed)
    assert not paired.arms and len(paired.doubts) == 2


def with_size(config: Mapping[str, object], size: int) -> dict[str, object]:
    model = config["model"]
    assert isinstance(model, dict)
    return {**config, "model": {**model, "hidden_size": size}}


def test_runs_left_out_have_their_reasons() -> None:
    cells = grid(rate=[0.001, 0.005], size=[64, 128])
    again = made_run("again/x/seed=0", overrides={RATE_NAME: 0.001, "model.hidden_size": 64})
    paired = pair_runs([*cells, again])
    assert not paired.is_declared
    assert [paired.reasons[run] for run in paired.left_out] == [
        f"differs from the baseline in model.hidden_size and {RATE_NAME}",
        "is a second run of its configuration and seed",
    ]


def test_a_study_with_another_baseline_is_left_out_with_the_reason() -> None:
    study = made_study({0.005: [1, 1], 0.001: [1, 1], 0.01: [1, 1]})
    other = [
        made_run("o/base/seed=0", overrides={"model.hidden_size": 512}),
        made_run(
            "o/x/seed=0",
            overrides={"model.hidden_size": 512, "model.cell": "gru"},
            change=("model", "gru", "lstm"),
        ),
    ]
    paired = pair_runs(study + other)
    assert paired.is_declared
    assert [paired.reasons[run] for run in paired.left_out] == [
        "its study's baseline differs in model.hidden_size"
    ] * 2


def test_of_many_differences_three_are_named() -> None:
    overrides = {"model.cell": "gru", "model.hidden_size": 8, RATE_NAME: 0.3, "sampling.temperature": 1.0}
    paired = pair_runs([made_run("a/x/seed=0"), made_run("b/x/seed=0", overrides=overrides)])
    assert next(iter(paired.reasons.values())).endswith(f"model.hidden_size, {RATE_NAME} and 1 more")
