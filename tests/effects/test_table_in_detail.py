"""The effects table in detail: what is counted, what is missing, and how large its families are."""

import math
from pathlib import Path

import pytest

from musicgen.effects.effect import effects_frame
from musicgen.effects.pairing import pair_runs
from musicgen.effects.statistics import paired_effect, prediction_interval
from musicgen.effects.table import effects_table
from musicgen.system.words import brief
from tests.effects.test_table import COPIED, replace_directory, row_of, rows_of
from tests.records.made_runs import LOSS, RATE, made_run, made_study


def test_only_the_bar_rate_counts_bars(tmp_path: Path) -> None:
    shares = {0.005: [0.01, 0.02], 0.01: [0.03, 0.05]}
    study = [replace_directory(run, tmp_path / str(n)) for n, run in enumerate(made_study(shares, COPIED))]
    for run in study:
        run.directory.mkdir()
        (run.directory / "tunes.csv").write_text("num_bars\n3000\n")
    expected = paired_effect(shares[0.005], shares[0.01], [200, 200], [200, 200])
    assert row_of(study, COPIED).p_value == pytest.approx(float(expected.p_value))


def test_values_that_differ_by_rounding_are_identical() -> None:
    close = row_of(made_study({0.005: [1.0, 2.0, 3.0], 0.01: [1.0, 2.0, 3.0 * (1 + 2**-52)]}))
    assert close.verdict == "identical in all 3 seeds" and not close.shares_training
    apart = row_of(made_study({0.005: [1.0, 2.0, 3.0], 0.01: [1.0, 2.0, 3.0 + 1e-10]}))
    assert apart.verdict.startswith("no effect larger than 0.02")
    # Signs are counted as they are.
    assert (close.num_positive, close.num_negative) == (1, 0)


def test_missing_values_are_counted_by_status() -> None:
    study = made_study({0.005: [1.0, 1.1, 1.2, 1.3], 0.01: [None, None, 1.2, 1.3]})
    study[4].record.status = "running"
    assert row_of(study).verdict.endswith("; runs without a value: 1 running or killed, 1 diverged")
    # A baseline without a value leaves the changed run without a partner, but not without a value.
    study = made_study({0.005: [None, 1.1, 1.2], 0.01: [1.0, 1.1, 1.3]})
    row = row_of(study)
    assert (row.num_seeds, row.num_failed) == (2, 1)


def test_seeds_that_the_baseline_lacks_are_ignored() -> None:
    study = made_study({0.005: [1.0, 1.1], 0.01: [1.2, 1.25, 9.0]})
    row = row_of(study)
    assert (row.num_seeds, row.num_failed) == (2, 0)
    assert row.difference == pytest.approx(0.175)
    strangers = [made_run("s/x/seed=9", seed=9, overrides={"training.learning_rate": 0.01},
                          change=("training.learning_rate", 0.01, 0.005), metrics={LOSS: 1.0})]  # fmt: skip
    row = row_of([*made_study({0.005: [1.0, 1.1]}), *strangers])
    assert row.verdict == "no value to compare: no seed in common with the baseline"


def test_the_detectable_effect_grows_with_the_family() -> None:
    values = {0.005: [1.0, 1.1, 1.3], 0.01: [1.2, 1.25, 1.4], 0.02: [1.5, 1.7, 1.6], 0.03: [1.4, 1.5, 1.7]}
    study = made_study(values)
    for run in study:
        run.record.metrics |= {
            RATE: 0.5 + run.record.seed / 100,
            COPIED: (run.record.metrics[LOSS] or 0) / 10,
        }
    rows = rows_of(study)
    assert [row.value for row in rows if row.metric == LOSS] == [0.01, 0.02, 0.03]
    primary = [row for row in rows if row.family == "primary"]
    assert len(primary) == 6 and {row.metric for row in primary} == {LOSS, RATE}
    effect = paired_effect(values[0.005], values[0.01])
    loss = row_of(study)
    assert loss.minimum_detectable_effect == pytest.approx(float(effect.minimum_detectable(0.05 / 6)))
    # Three exploratory tests, of shares that are compared as logits.
    copied = row_of(study, COPIED)
    assert math.isnan(copied.p_holm) and copied.p_fdr >= copied.p_value
    smallest = min((row for row in rows if row.metric == COPIED), key=lambda row: row.p_value)
    assert smallest.p_fdr <= 3 * smallest.p_value


def test_the_table_has_the_median_and_both_means() -> None:
    row = row_of(made_study({0.005: [1.0, 1.0, 1.0, 1.0], 0.01: [1.1, 1.2, 0.9, 1.8]}))
    assert row.median_difference == pytest.approx(0.15) and row.difference == pytest.approx(0.25)
    assert (row.num_positive, row.num_negative) == (3, 1)
    assert row.baseline_mean == 1.0 and row.mean == pytest.approx(1.25)
    assert row.ci_low < 0 < row.ci_high and row.tuning == "plain"


def test_a_loss_without_a_study_has_the_default_margin() -> None:
    values = {0.005: [1.00, 1.01, 1.02, 1.03], 0.01: [1.001, 1.013, 1.019, 1.032]}
    assert row_of(made_study(values)).verdict == "no effect larger than 0.02, 4 seeds"
    test_loss = row_of(made_study(values, "fit/test_loss"), "fit/test_loss")
    assert test_loss.verdict == "no effect larger than 0.02, 4 seeds, exploratory"


def test_three_seeds_of_the_baseline_predict_a_fourth() -> None:
    values = {0.005: [1.0, 1.1, 1.2], 0.01: [1.15]}
    low, high = prediction_interval([1.0, 1.1, 1.2])
    assert (
        f", inside the baseline's prediction interval [{brief(low)}, {brief(high)}]"
        in row_of(made_study(values)).verdict
    )
    rates = row_of(made_study({0.005: [0.5, 0.52, 0.54], 0.01: [0.9]}, RATE), RATE)
    low, high = prediction_interval([0.5, 0.52, 0.54], [200] * 3)
    assert f"prediction interval [{brief(low)}, {brief(high)}]" in rates.verdict
    # A seed of the baseline without a value predicts nothing.
    broken = row_of(made_study({0.005: [1.0, 1.1, None], 0.01: [1.15]}))
    assert "prediction" not in broken.verdict


def test_levels_keep_their_type_in_the_table() -> None:
    study = [
        made_run(f"s/{value}/seed=0", overrides={"model.hidden_size": value}, metrics={LOSS: float(value)},
                 change=None if value == 64 else ("model.hidden_size", value, 64))
        for value in (64, 33, 128)
    ]  # fmt: skip
    table = effects_frame(effects_table(pair_runs(study)))
    assert table.loc[table["metric"] == LOSS, "value"].to_list() == [33, 128]
    assert all(isinstance(value, int) for column in ("value", "baseline_value") for value in table[column])
