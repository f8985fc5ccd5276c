import math
from dataclasses import replace

import numpy as np
import pytest

from musicgen.config import Change
from musicgen.effects.pairing import pair_runs
from musicgen.effects.screening import ScreenedChange, fate, priority, screen, select, sizes
from musicgen.effects.table import effects_table
from musicgen.records.runs import FoundRun
from tests.records.made_runs import LOSS, RATE, made_run

STUDY = {"primary_metrics": [LOSS, RATE], "stages": {"confirm": 2, "seeds": 8}}


def screened(parameter: str, value: object, size: float) -> ScreenedChange:
    return ScreenedChange(Change(parameter, value, None), size, LOSS, {})


def keys(changes: list[Change]) -> list[str]:
    return [change.key for change in changes]


def screening_runs(arms: dict[str, list[tuple[float, float]]]) -> list[FoundRun]:
    """A first stage: level of the batch size -> loss and sound rate of each seed; the baseline is 32."""
    return [
        made_run(
            f"sweep/{level}/seed={seed}",
            seed=seed,
            overrides={"training.batch_size": int(level)},
            change=None if level == "32" else ("training.batch_size", int(level), 32),
            metrics={LOSS: loss, RATE: rate},
            study=STUDY,
        )
        for level, values in arms.items()
        for seed, (loss, rate) in enumerate(values)
    ]


def test_a_size_is_the_mean_difference_in_pooled_noise() -> None:
    # The squares sum to 2 and 8, with two degrees of freedom each.
    np.testing.assert_allclose(
        sizes([[1.0, 2.0, 3.0], [-2.0, 0.0, 2.0], [-5.0]]), np.array([2, 0, -5]) / math.sqrt(10 / 4)
    )


def test_a_change_that_cannot_differ_adds_no_certainty() -> None:
    np.testing.assert_allclose(sizes([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), [2, 0])


def test_a_change_without_a_value_has_no_size() -> None:
    assert np.isnan(sizes([[], [1.0, 2.0]])[0])
    assert np.isnan(sizes([[1.0], [2.0]])).all()


def test_seeds_that_agree_by_chance_do_not_make_a_change_large() -> None:
    lucky, large, noisy = [0.101, 0.1, 0.099], [1.0, 0.7, 1.3], [0.2, -0.2, 0.1]
    size = sizes([lucky, large, noisy])
    assert size[1] > size[0] and np.mean(lucky) / np.std(lucky) > np.mean(large) / np.std(large)


def test_changes_are_ordered_by_their_largest_metric() -> None:
    runs = screening_runs(
        {
            "32": [(1.0, 0.50), (1.1, 0.55)],
            "8": [(1.2, 0.50), (1.32, 0.55)],
            "16": [(1.0, 0.05), (1.1, 0.02)],
            "64": [(1.0, 0.50), (1.1, 0.55)],
        }
    )
    paired = pair_runs(runs)
    found = screen(paired, effects_table(paired))
    assert [(one.level, one.metric) for one in found] == [("8", LOSS), ("16", RATE), ("64", "")]
    assert found[0].differences[LOSS] == pytest.approx(0.21)
    assert found[2].size == 0 and [one.gain for one in found] == [0, 0, 0]
    assert [one.looks for one in found] == [
        "validation loss worse, 2/2 seeds",
        "sound rate worse, 2/2 seeds",
        "",
    ]


def test_a_gain_is_the_size_in_a_metric_that_looks_better() -> None:
    """The larger batch lowers the loss a little, and the share of sound tunes much."""
    runs = screening_runs(
        {
            "32": [(1.0, 0.50), (1.1, 0.55)],
            "8": [(1.2, 0.50), (1.31, 0.54)],
            "64": [(0.99, 0.05), (1.09, 0.02)],
        }
    )
    paired = pair_runs(runs)
    found = {one.level: one for one in screen(paired, effects_table(paired))}
    assert found["64"].metric == RATE and 0 < found["64"].gain < found["64"].size
    assert found["8"].gain == 0 < found["8"].size


def test_improvements_are_selected_before_larger_harms() -> None:
    harm, gain, small = screened("a", 1, 40.0), screened("b", 1, 2.0), screened("c", 1, 0.9)
    changes = [harm, replace(gain, gain=2.0), replace(small, gain=0.9)]
    assert keys(select(changes, 3)) == ["b=1", "a=1", "c=1"]
    assert list(np.argsort(-priority([40, 2, 0.9, 3], [0, 2, 0.9, 1]))) == [1, 3, 0, 2]


def test_one_level_of_a_parameter_goes_on() -> None:
    changes = [screened("a", 1, 9.0), screened("a", 2, 8.0), screened("b", 1, 7.0), screened("c", 1, 6.0)]
    assert keys(select(changes, 2)) == ["a=1", "b=1"]


def test_a_change_without_difference_or_value_never_goes_on() -> None:
    assert select([screened("a", 1, 0.0), screened("b", 1, math.nan)], 5) == []


def test_what_an_earlier_start_chose_goes_on_again() -> None:
    changes = [screened("a", 1, 9.0), screened("a", 0.5, 8.0), screened("b", None, 7.0)]
    assert keys(select(changes, 1, {("a", "0.5")})) == ["a=0.5"]
    assert keys(select(changes, 2, {("b", "null")})) == ["b=null", "a=1"]


def test_a_table_says_why_a_change_stays_behind() -> None:
    chosen = [Change("a", 1, None)]
    fates = [fate(Change(*change, None), chosen) for change in (("a", 1), ("a", 2), ("b", 1))]
    assert fates == ["yes", "another level", ""]


def test_seeds_that_chose_a_change_do_not_judge_it() -> None:
    first = screening_runs({"32": [(1.0, 0.5), (1.1, 0.5)], "8": [(9.0, 0.5), (9.1, 0.5)]})
    second = [
        made_run(
            f"sweep/confirmation/{level}/seed={seed}",
            seed=seed,
            overrides={"training.batch_size": level},
            change=None if level == 32 else ("training.batch_size", level, 32),
            metrics={LOSS: 1.0 + 0.1 * seed + (level == 8) * 0.01 * seed},
            study=STUDY | {"stages": None},
        )
        for level in (32, 8)
        for seed in (2, 3)
    ]
    paired = pair_runs([*first, *second])
    assert {run.record.seed for run in paired.runs} == {2, 3} and set(paired.left_out) == set(first)
    assert paired.reasons == dict.fromkeys(first, "belongs to the first stage")
    assert len(pair_runs(first).runs) == 4
