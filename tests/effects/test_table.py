"""Rows of the effects table: what is paired, counted and missing, and how large its families are."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.effects.effect import SCREENING, Decision, Effect, Grade, effects_frame
from musicgen.effects.joint import additivity
from musicgen.effects.noise import noise_table
from musicgen.effects.pairing import pair_runs
from musicgen.effects.statistics import ALPHA, paired_effect, prediction_interval
from musicgen.effects.table import effects_table
from musicgen.errors import InputError
from musicgen.records.runs import FoundRun
from musicgen.system.words import brief
from tests.records.made_runs import LOSS, RATE, made_run, made_study, made_temperatures

COPIED = "originality/copied_share"


def rows_of(runs: list[FoundRun]) -> list[Effect]:
    return effects_table(pair_runs(runs))


def row_of(runs: list[FoundRun], metric: str = LOSS, value: object = 0.01, tuning: str = "plain") -> Effect:
    (row,) = (
        row for row in rows_of(runs) if row.metric == metric and row.value == value and row.tuning == tuning
    )
    return row


def test_an_effect_is_paired_by_seed() -> None:
    skewed = row_of(made_study({0.005: [1.0, 1.0, 1.0, 1.0], 0.01: [1.1, 1.2, 0.9, 1.8]}))
    assert skewed.median_difference == pytest.approx(0.15) and skewed.difference == pytest.approx(0.25)
    assert (skewed.num_positive, skewed.num_negative) == (3, 1) and skewed.ci_low < 0 < skewed.ci_high
    row = row_of(made_study({0.005: [1.70, 1.80, 1.90, 2.00], 0.01: [1.60, 1.71, 1.79, 1.90]}))
    assert (row.num_seeds, row.num_positive, row.num_negative, row.num_failed) == (4, 0, 4, 0)
    assert (row.baseline_mean, row.mean) == pytest.approx((1.85, 1.75))
    effect = paired_effect([1.70, 1.80, 1.90, 2.00], [1.60, 1.71, 1.79, 1.90])
    assert row.minimum_detectable_effect == pytest.approx(float(effect.minimum_detectable(0.05 / 2)))
    # Two primary metrics, of which no run has the second: it stays in the family.
    assert row.p_holm == pytest.approx(2 * row.p_value)
    assert row.verdict.startswith("lowers validation loss by 0.100 [0.087, 0.113], Holm p < 0.001, 4 seeds")


def test_a_failed_run_is_counted_and_the_rest_is_compared() -> None:
    row = row_of(made_study({0.005: [1.7, None, 1.9, 1.8], 0.01: [1.6, 1.7, None, 1.75]}))
    assert (row.num_seeds, row.num_failed) == (2, 2)
    assert row.verdict.endswith("; runs without a value: 2 diverged")
    lost = row_of(made_study({0.005: [1.7, 1.8], 0.01: [None, None]}))
    assert lost.verdict == "no value to compare: 2 diverged" and lost.num_seeds == 0
    assert all(map(math.isnan, (lost.difference, lost.p_value, lost.mean, lost.ci_low)))


@pytest.mark.parametrize(("metric", "count"), [(RATE, 200), (COPIED, 200), ("validity/bar_rate", 3000)])
def test_shares_count_tunes_and_the_bar_rate_counts_bars(metric: str, count: int, tmp_path: Path) -> None:
    shares = {0.005: [0.1, 0.12], 0.01: [0.2, 0.25]}
    study = [
        replace(run, directory=tmp_path / str(place)) for place, run in enumerate(made_study(shares, metric))
    ]
    for run in study:
        run.directory.mkdir()
        (run.directory / "tunes.csv").write_text("num_bars\n3000\n")
    expected = paired_effect(shares[0.005], shares[0.01], [count] * 2, [count] * 2)
    row = row_of(study, metric)
    assert (row.difference, row.p_value) == pytest.approx((expected.difference, expected.p_value))


def test_one_seed_is_a_candidate_with_noise_and_prediction() -> None:
    study = made_study({0.005: [0.10, 0.11, 0.12], 0.01: [0.6]}, RATE)
    study[-1].record.sampling_noise[RATE] = 0.03
    study[0].record.sampling_noise[RATE] = 0.04
    row = row_of(study, RATE)
    assert math.isnan(row.p_value) and math.isnan(row.ci_low) and math.isnan(row.p_holm)
    assert row.sampling_noise == pytest.approx(math.sqrt((0.03**2 + 0.04**2) / 2))
    assert row.verdict.startswith(
        "a candidate to confirm with fresh seeds: +0.5 with one seed, sampling noise 0.035, outside"
    )


def test_a_sampling_change_does_not_test_the_fit() -> None:
    runs = made_temperatures(
        lambda temperature, seed: {
            LOSS: 1.5 + seed / 10,
            RATE: temperature / 10 + seed * temperature / 100,
        }
    )
    fit, rate = row_of(runs, LOSS, 1.1), row_of(runs, RATE, 1.1)
    assert fit.verdict == "identical in all 3 seeds (the same training)"
    assert fit.shares_training and fit.difference == 0 and math.isnan(fit.p_value)
    assert rate.p_holm == rate.p_value
    baseline, changed = ([run.value(RATE) or 0 for run in part] for part in (runs[:3], runs[3:]))
    alone = paired_effect(baseline, changed, [200] * 3, [200] * 3)
    assert rate.minimum_detectable_effect == pytest.approx(float(alone.minimum_detectable(ALPHA)))


def test_other_metrics_are_exploratory_and_bits_are_skipped() -> None:
    study = made_study({0.005: [0.01, 0.02, 0.03], 0.01: [0.03, 0.05, 0.04]}, COPIED)
    for run in study:
        run.record.metrics |= {"fit/validation_bits": 1.0, "fit/test_loss": 1.0 + run.record.seed}
    row = row_of(study, COPIED)
    assert row.family == "exploratory" and math.isnan(row.p_holm)
    # The test loss is identical, by chance as far as the table knows, so that it counts.
    assert row.p_fdr == pytest.approx(2 * row.p_value)
    assert row.verdict.endswith(", exploratory")
    assert "fit/validation_bits" not in {one.metric for one in rows_of(study)}


def test_a_study_names_its_primary_metrics_and_margins() -> None:
    values = {0.005: [1.00, 1.01, 1.02, 1.03], 0.01: [1.001, 1.013, 1.019, 1.032]}
    study = {"primary_metrics": ["fit/test_loss"], "equivalence_margin": {"fit/test_loss": 0.01}}
    runs = [
        replace(run, record=replace(run.record, config={**run.record.config, "study": study}))
        for run in made_study(values, "fit/test_loss")
    ]
    assert row_of(runs, "fit/test_loss").verdict == (
        "no effect larger than 0.01: +0.0012, 90 % interval [−0.0008, +0.0033], 4 seeds"
    )
    study["equivalence_margin"] = {"fit/test_loss": 0.001}
    assert row_of(runs, "fit/test_loss").verdict.startswith("inconclusive with 4 seeds")


def test_the_default_margin_is_the_reference_spread() -> None:
    metric = "diversity/chords_used"
    study = made_study({0.005: [0.10, 0.12, 0.11, 0.12], 0.01: [0.11, 0.11, 0.12, 0.12]}, metric)
    assert "inconclusive" in row_of(study, metric).verdict
    for run in study:
        run.record.reference = {metric: {"mean": 0.9, "sd": 0.05}}
    row = row_of(study, metric)
    assert row.verdict.startswith("no effect larger than 0.05: ") and row.margin == 0.05
    assert row.grade is Grade.SMALL


def test_sampling_noise_is_split_from_training_noise() -> None:
    runs = made_study({0.005: [0.10, 0.14, 0.12]}, RATE)
    for run in runs:
        run.record.metrics |= {LOSS: 1.5 + run.record.seed / 100, COPIED: 0.0}
        run.record.sampling_noise[RATE] = 0.012
    table = {row["metric"]: row for row in noise_table(runs).to_dict("records")}
    assert table[RATE]["standard_deviation"] == pytest.approx(0.02)
    assert table[RATE]["training_noise"] == pytest.approx(0.016)
    assert table[LOSS]["training_noise"] == table[LOSS]["standard_deviation"] == pytest.approx(0.01)
    assert math.isnan(table[COPIED]["sampling_noise"]) and math.isnan(table[COPIED]["training_noise"])
    (single,) = noise_table(runs[:1]).to_dict("records")[:1]
    assert math.isnan(single["standard_deviation"])


def test_the_joint_effect_is_compared_with_the_sum() -> None:
    runs = made_study({0.005: [2.0, 2.1, 2.2], 0.01: [1.9, 2.01, 2.1], 0.015: [1.95, 2.0, 2.1]})
    for name, change, shift in (
        ("gru", ("model", "gru", "lstm"), [0.2, 0.21, 0.2]),
        ("all", ("combined", "training.learning_rate=1e-2 model=gru", None), [0.1, 0.11, 0.1]),
    ):
        runs += [
            made_run(
                f"sweep/{name}/seed={seed}",
                seed=seed,
                change=change,
                metrics={LOSS: 2 + seed / 10 - shift[seed]},
                overrides={"model.cell": name},
            )
            for seed in range(3)
        ]
    (found,) = additivity(pair_runs(runs))
    assert found.changes == ("training.learning_rate=0.01", "model=gru")
    assert found.sum_of_singles == pytest.approx(-0.3, abs=0.01)
    assert found.joint == pytest.approx(-0.103, abs=0.001) and ": less than the sum by 0.1" in found.sentence


def test_a_share_above_1_is_refused() -> None:
    runs = [
        made_run("a", metrics={RATE: 0.5}),
        made_run("b", overrides={"model.cell": "gru"}, metrics={RATE: 1.5}),
    ]
    with pytest.raises(InputError, match=r"validity/sound_rate=1.5 must be a share"):
        effects_table(pair_runs(runs))


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
    study[-1].record.metrics[LOSS] = None
    assert row_of(study).verdict.endswith("value: 1 running or killed, 1 diverged, 1 not measurable")
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


def test_a_loss_without_a_study_has_the_default_margin() -> None:
    values = {0.005: [1.00, 1.01, 1.02, 1.03], 0.01: [1.001, 1.013, 1.019, 1.032]}
    assert row_of(made_study(values)).verdict.startswith("no effect larger than 0.02: +0.0012, ")
    test_loss = row_of(made_study(values, "fit/test_loss"), "fit/test_loss")
    assert test_loss.verdict.endswith("90 % interval [−0.0008, +0.0033], 4 seeds, exploratory")


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


def test_the_gain_follows_the_better_direction() -> None:
    loss = row_of(made_study({0.005: [1.70, 1.80, 1.90], 0.01: [1.60, 1.71, 1.79]}))
    assert (loss.gain, loss.gain_low, loss.gain_high) == (-loss.difference, -loss.ci_high, -loss.ci_low)
    rate = row_of(made_study({0.005: [0.1, 0.2, 0.3], 0.01: [0.2, 0.31, 0.4]}, RATE), RATE)
    assert (rate.gain, rate.gain_low) == (rate.difference, rate.ci_low)


def test_a_gain_towards_the_corpus_is_a_shorter_distance() -> None:
    metric = "structure/lag_repeat"
    study = made_study({0.005: [0.30, 0.31, 0.32], 0.01: [0.11, 0.09, 0.10]}, metric)
    assert math.isnan(row_of(study, metric).gain)
    for run in study:
        run.record.reference = {metric: {"mean": 0.2, "sd": 0.01}}
    row = row_of(study, metric)
    # From 0.1, 0.11, 0.12 above the corpus to 0.09, 0.11, 0.10 below it.
    assert row.gain == pytest.approx(0.01) and row.gain_low < 0 < row.gain_high
    assert row.difference < -0.15 and row.ci_high < 0


def test_the_first_stage_of_a_study_screens_and_claims_nothing() -> None:
    values = {0.005: [1.0, 1.1, 1.2], 0.01: [0.5, 0.61, 0.69], 0.02: [1.0, 1.1, 1.2], 0.04: [None] * 3}
    declared = {"primary_metrics": [LOSS], "stages": {"confirm": 1, "seeds": 8}}
    study = made_study(values, study=declared)
    row = row_of(study)
    assert (row.family, row.decision, row.grade) == (SCREENING, Decision.CANDIDATE, Grade.LIKELY)
    assert row.interval is not None and row.interval[1] < 0 and row.p_value < 0.05
    assert math.isnan(row.p_holm) and math.isnan(row.p_fdr) and math.isnan(row.minimum_detectable_effect)
    assert row.answer.startswith("screened: likely better: −0.500 [")
    assert row_of(study, value=0.02).answer == "identical in all 3 seeds"
    assert row_of(study, value=0.04).decision is Decision.NO_VALUE
    assert row_of(made_study(values, study=declared | {"stages": None})).decision is Decision.LOWERS


def test_an_effect_large_for_the_scatter_of_all_changes_is_likely() -> None:
    def grade(**others: list[float]) -> Grade:
        levels = {float(level.removeprefix("at")) / 1000: column for level, column in others.items()}
        return row_of(made_study({0.005: [1.0, 1.0, 1.0], 0.01: [1.1, 1.16, 1.24]} | levels)).grade

    calm, wild = [1.05, 0.95, 1.0], [1.9, 0.3, 1.0]
    row = row_of(made_study({0.005: [1.0, 1.0, 1.0], 0.01: [1.1, 1.16, 1.24]}))
    assert row.interval is not None and row.interval[0] < 0
    assert grade(at20=calm) is Grade.UNCLEAR
    assert grade(at20=calm, at30=calm) is Grade.LIKELY
    assert grade(at20=calm, at30=calm, at40=wild) is Grade.UNCLEAR


def test_two_seeds_are_too_few_to_be_large() -> None:
    levels = {0.005: [1.0, 1.0], 0.01: [1.1, 1.16]} | {level: [1.01, 0.99] for level in (0.02, 0.03, 0.04)}
    assert row_of(made_study(levels)).grade is Grade.UNSEEN
