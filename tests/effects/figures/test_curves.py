"""What is in the curves of a study: means, bands, levels and ends of intervals; not how they look."""

import math
from dataclasses import replace

import numpy as np
import pytest

from musicgen.effects.figures.costs import Cost, seconds_figure, training_seconds, unbeaten
from musicgen.effects.figures.curves import MAX_LEVELS, loss_curves_figure
from musicgen.effects.figures.doses import dose_response_figure
from musicgen.effects.figures.style import metric_title
from tests.effects.invented_study import (
    CELL,
    LEARNING_RATE,
    TEMPERATURE,
    InventedStudy,
    history,
    lines,
    panel_of,
    points,
    row_labels,
    texts,
)
from tests.records.made_runs import LOSS, RATE, made_run


@pytest.fixture(scope="module")
def two_parameters() -> InventedStudy:
    return InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01]), CELL: ("lstm", ["gru"])})


def test_loss_curves_are_means_in_a_band_from_lowest_to_highest(two_parameters: InventedStudy) -> None:
    figure = two_parameters.loss_curves()
    assert [panel.get_title(loc="left") for panel in figure.axes] == [LEARNING_RATE, CELL]
    panel = panel_of(figure, CELL)
    iterations, losses = zip(*points(lines(panel, "lstm (baseline)")[0]), strict=True)
    assert list(iterations) == [10, 20, 30, 40, 50, 60]
    assert losses[-1] == pytest.approx(1.52 + math.exp(-6))
    band = panel.collections[0].get_paths()[0].vertices
    at_the_end = [y for x, y in np.asarray(band) if x == 60]
    assert min(at_the_end) == pytest.approx(1.50 + math.exp(-6))
    assert max(at_the_end) == pytest.approx(1.54 + math.exp(-6))


def test_parameters_that_do_not_train_have_no_loss_curve() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])})
    assert loss_curves_figure(tables.study()) is None
    assert seconds_figure(tables.study()) is None


def test_more_iterations_of_the_same_training_have_a_curve() -> None:
    tables = InventedStudy({"training.num_iterations": (60, [120])})
    for run in tables.runs:
        run.record.training_id = f"t{run.record.seed}"
        run.record.config = {"training": {"num_iterations": 60 if run.record.change is None else 120}}
    assert loss_curves_figure(tables.study()) is not None


def test_a_run_that_diverged_is_dashed_and_ends_with_a_cross() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.1])}, 3, {(0.1, 0): "diverged"})
    tables.histories[tables.arms[-1].runs[0]] = history(1e9, 2)
    panel = panel_of(tables.loss_curves(), LEARNING_RATE)
    crosses = [line for line in panel.lines if line.get_marker() == "x"]
    assert [points(cross)[0][0] for cross in crosses] == [20]
    assert points(crosses[0])[0][1] <= panel.get_ylim()[1] < 4
    assert any(line.is_dashed() for line in panel.lines)


def test_an_arm_far_above_the_others_is_named_in_the_legend() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.002, 0.003, 0.1])})
    tables.histories |= {run: history(40.0, 6) for run in tables.arms[-1].runs}
    figure = tables.loss_curves()
    assert figure.axes[0].get_ylim()[1] < 5
    assert "0.1\nabove: ends at 40.00" in texts(figure)


def test_dose_response_lies_on_the_metrics_own_scale() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01])})
    tables.give_reference(RATE, 0.9, 0.02)
    panel = panel_of(tables.dose_response(LEARNING_RATE), "Sound rate")
    assert panel.get_xscale() == "log"
    assert points(lines(panel, "plain")[0]) == [
        (0.001, pytest.approx(0.31)),
        (0.005, pytest.approx(0.21)),
        (0.01, pytest.approx(0.41)),
    ]
    assert points(lines(panel, "corpus")[0])[0][1] == 0.9
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0.001", "0.005", "0.01"]


def test_close_levels_lie_on_a_linear_axis() -> None:
    panel = InventedStudy({TEMPERATURE: (0.7, [0.5, 0.9])}).dose_response(TEMPERATURE).axes[0]
    assert panel.get_xscale() == "linear"


def test_dose_response_needs_three_numeric_levels() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.01]), CELL: ("lstm", ["gru", "rnn", "rwkv"])})
    assert [dose_response_figure(tables.study(), name) for name in (LEARNING_RATE, CELL)] == [None, None]


def interval_ends(tables: InventedStudy, parameter: str, metric: str) -> list[list[float]]:
    panel = panel_of(tables.dose_response(parameter), metric)
    return [[value for _, value in points(line)] for line in lines(panel, "interval")]


def test_intervals_of_losses_are_the_table_s_from_the_baseline_up() -> None:
    ends = interval_ends(
        InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01])}), LEARNING_RATE, "Validation loss"
    )
    assert ends == [[pytest.approx(0.27), pytest.approx(0.36)], [pytest.approx(0.37), pytest.approx(0.46)]]


def test_intervals_of_shares_are_those_of_the_paired_logits() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])})
    for arm, rates in zip((tables.baseline, tables.arms[0]), ([0.5, 0.6, 0.7], [0.8, 0.7, 0.9]), strict=True):
        for run, rate in zip(arm.runs, rates, strict=True):
            run.record.metrics[RATE] = rate
    first, second = (
        np.log((200 * np.array(rates) + 0.5) / (200.5 - 200 * np.array(rates)))
        for rates in ([0.5, 0.6, 0.7], [0.8, 0.7, 0.9])
    )
    tables.effects = [
        replace(effect, baseline_mean=0.6, mean=0.8)
        if (effect.value, effect.metric) == (0.2, RATE)
        else effect
        for effect in tables.effects
    ]
    difference = second - first
    reach = 4.302653 * difference.std(ddof=1) / 3**0.5
    start = np.log(120.5 / 80.5)
    expected = [1 / (1 + np.exp(-(start + difference.mean() + sign * reach))) for sign in (-1, 1)]
    assert interval_ends(tables, TEMPERATURE, "Sound rate")[0] == pytest.approx(expected)


@pytest.mark.parametrize(("rates", "outer"), [([1.0, 0.9, 1.0], 1.0), ([0.0, 0.1, 0.0], 0.0)])
def test_nothing_is_drawn_where_a_share_cannot_be(rates: list[float], outer: float) -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])})
    for metric in (RATE, "similarity/musical_auc"):
        tables.give_reference(metric, outer, 0.1)
        for run in tables.arms[1].runs:
            run.record.metrics[metric] = rates[run.record.seed]
        mean = sum(rates) / 3
        tables.effects = [
            replace(effect, mean=mean, difference=mean - 0.21, ci_low=mean - 1.1, ci_high=mean + 0.9)
            if (effect.metric, effect.value) == (metric, 1.4)
            else effect
            for effect in tables.effects
        ]
        panel = panel_of(tables.dose_response(TEMPERATURE), metric_title(metric))
        assert panel.get_ylim()[int(outer)] == outer
        assert 0 <= panel.get_ylim()[0] < panel.get_ylim()[1] <= 1
        drawn = [value for line in panel.lines for _, value in points(line)]
        assert 0 <= min(drawn) <= max(drawn) <= 1
        low, high = [value for _, value in points(lines(panel, "interval")[1])]
        assert low <= mean <= high


def test_a_long_interval_of_a_loss_is_cut_with_an_arrow() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01])})
    tables.effects = [
        replace(effect, ci_high=50.0) if (effect.value, effect.metric) == (0.01, LOSS) else effect
        for effect in tables.effects
    ]
    panel = panel_of(tables.dose_response(LEARNING_RATE), "Validation loss")
    (arrow,) = lines(panel, "cut")
    assert arrow.get_marker() == "^" and points(arrow) == [(0.01, panel.get_ylim()[1])]
    assert panel.get_ylim()[1] < 1


def test_a_metric_that_sampling_cannot_move_has_no_panel() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])})
    tables.leave_the_loss()
    titles = [panel.get_title(loc="left") for panel in tables.dose_response(TEMPERATURE).axes]
    assert "Validation loss" not in titles and "Sound rate" in titles


def test_the_re_tuned_effect_has_its_own_line() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01])})
    for place, (arm, effect) in enumerate(zip(tables.arms, (-0.05, 0.03), strict=True)):
        assert arm.change is not None
        tables.add_effect(arm.change, LOSS, effect, 3, "re-tuned")
        tables.effects[-1] = replace(tables.effects[-1], baseline_mean=0.18)
        retuned = made_run("again", retuned={"training.weight_decay": 0.1}, metrics={LOSS: 77.0})
        tables.arms[place] = replace(arm, retuned=(retuned,))
    figures = tables.figures()
    panel = panel_of(figures["dose_response_training_learning_rate"], "Validation loss")
    assert [value for _, value in points(lines(panel, "re-tuned")[0])] == pytest.approx([0.16, 0.18, 0.24])
    assert panel.get_ylim()[1] < 1
    assert "learning_rate=0.001, re-tuned" in row_labels(figures["effects"].axes[0])


def test_training_seconds_include_reused_steps(two_parameters: InventedStudy) -> None:
    study = two_parameters.study()
    # 60 iterations of 10 × 50 tokens at 250 tokens a second.
    assert training_seconds(study, study.baseline_runs[0]) == pytest.approx(120.0)
    panel = two_parameters.seconds().axes[0]
    assert points(lines(panel, "baseline")[0]) == [(pytest.approx(120.0), pytest.approx(0.21))]


def test_unbeaten_arms_are_the_lowest_loss_for_their_time() -> None:
    arms = {"fast": (10, 1.5), "slow": (30, 1.2), "dear": (40, 1.3), "poor": (9, 1.6), "tie": (30.5, 1.1)}
    costs = [Cost("p", name, [seconds], [loss]) for name, (seconds, loss) in arms.items()]
    assert [cost.name for cost in unbeaten(costs)] == ["poor", "fast", "tie"]


def test_of_very_many_levels_the_largest_effects_have_curves() -> None:
    levels = [0.001 * number for number in range(1, MAX_LEVELS + 3)]
    tables = InventedStudy({LEARNING_RATE: (0.5, levels)})
    tables.effects = [
        replace(effect, difference=float(str(effect.value)) if effect.metric == LOSS else 0.0)
        for effect in tables.effects
    ]
    (panel,) = tables.loss_curves().axes
    assert panel.get_title(loc="left") == f"{LEARNING_RATE}: {MAX_LEVELS} of {MAX_LEVELS + 2} levels"
    legend = panel.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert len(names) == MAX_LEVELS + 1 and names[1] == "0.003" and names[-1] == "0.018"
