"""What is in the curves of a study: means, bands, levels and ends of intervals; not how they look."""

import math
from dataclasses import replace

import numpy as np
import pytest

from musicgen.effects.figures.costs import Cost, seconds_figure, training_seconds, unbeaten
from musicgen.effects.figures.curves import loss_curves_figure
from musicgen.effects.figures.doses import dose_response_figure
from musicgen.effects.figures.sampling import copy_risk_figure
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
    assert [points(line) for line in lines(panel, "interval")] == [
        [(effect.value, effect.baseline_mean + end) for end in (effect.ci_low, effect.ci_high)]
        for effect in tables.effects
        if effect.metric == RATE
    ]
    assert points(lines(panel, "corpus")[0])[0][1] == 0.9
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0.001", "0.005", "0.01"]


def test_close_levels_lie_on_a_linear_axis() -> None:
    panel = InventedStudy({TEMPERATURE: (0.7, [0.5, 0.9])}).dose_response(TEMPERATURE).axes[0]
    assert panel.get_xscale() == "linear"


def test_dose_response_needs_three_numeric_levels() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.01]), CELL: ("lstm", ["gru", "rnn", "rwkv"])})
    assert [dose_response_figure(tables.study(), name) for name in (LEARNING_RATE, CELL)] == [None, None]


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


def test_copy_risk_has_the_four_metrics_at_every_temperature() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])})
    tables.give_reference("originality/copied_share", 0.018, 0.011)
    figure = tables.copy_risk()
    found = {line.get_label(): points(line) for panel in figure.axes for line in panel.lines}
    for name in ("Sound rate", "Ended rate", "Copied share", "Distinct 4-grams"):
        assert found[name] == [
            (0.2, pytest.approx(0.31)),
            (0.7, pytest.approx(0.21)),
            (1.4, pytest.approx(0.41)),
        ]
    assert found["corpus"][0][1] == 0.018


def test_copy_risk_needs_a_changed_temperature(two_parameters: InventedStudy) -> None:
    assert copy_risk_figure(two_parameters.study()) is None


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
