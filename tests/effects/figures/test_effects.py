"""What is in the figure of effects: rows, labels, ends of intervals; not how it looks."""

from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from musicgen.metrics.registry import HEADLINE
from tests.effects.invented_study import (
    CELL,
    LEARNING_RATE,
    InventedStudy,
    drawn,
    lines,
    panel_of,
    points,
    row_labels,
    smallest_text,
    texts,
)
from tests.records.made_runs import LOSS, RATE


@pytest.fixture(scope="module")
def two_parameters() -> InventedStudy:
    return InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01]), CELL: ("lstm", ["gru"])})


def test_effects_have_a_panel_per_metric_and_a_row_per_arm(two_parameters: InventedStudy) -> None:
    figure = two_parameters.effects_figure()
    assert len(figure.axes) == len(HEADLINE)
    assert row_labels(figure.axes[0]) == [
        "training.learning_rate = 0.001",
        "training.learning_rate = 0.01",
        "model.cell = gru",
    ]


def test_intervals_end_where_the_table_says(two_parameters: InventedStudy) -> None:
    panel = panel_of(two_parameters.effects_figure(), "Sound rate")
    drawn = [points(line) for line in lines(panel, "interval")]
    effects = [effect for effect in two_parameters.effects if effect.metric == RATE]
    assert drawn == [
        [(effect.ci_low, position), (effect.ci_high, position)] for position, effect in enumerate(effects)
    ]
    assert points(lines(panel, "model.cell = gru")[0]) == [(pytest.approx(0.1), 2)]


def test_seeds_are_dots_at_their_own_differences() -> None:
    tables = InventedStudy({CELL: ("lstm", ["gru"])})
    for run in tables.arms[0].runs:
        run.record.metrics[RATE] = (run.value(RATE) or 0) + 0.1 * run.record.seed
    dots = points(lines(panel_of(tables.effects_figure(), "Sound rate"), "seeds")[0])
    assert [difference for difference, _ in dots] == pytest.approx([0.1, 0.2, 0.3])


def test_one_seed_is_a_candidate_without_an_interval() -> None:
    figure = InventedStudy({CELL: ("lstm", ["gru"])}, seeds=1).effects_figure()
    assert not any(lines(panel, "interval") or lines(panel, "seeds") for panel in figure.axes)
    assert "one seed: a candidate" in texts(figure)
    assert "95 %" not in " ".join(texts(figure))


def test_diverged_and_failed_runs_are_named() -> None:
    endings = {(0.001, 0): "diverged", (0.001, 1): "diverged", ("gru", 2): "failed"}
    figures = InventedStudy(
        {LEARNING_RATE: (0.005, [0.001, 0.01]), CELL: ("lstm", ["gru"])}, 3, endings
    ).figures()
    labels = row_labels(figures["effects"].axes[0])
    assert labels[0] == "training.learning_rate = 0.001\ndiverged 2 of 3"
    assert labels[1] == "training.learning_rate = 0.01"
    assert labels[2] == "model.cell = gru\nfailed 1 of 3"
    assert "0.001\ndiverged 2 of 3" in texts(figures["loss_curves"])
    assert "0.001: diverged 2 of 3" in texts(figures["dose_response_training_learning_rate"])


def test_an_arm_without_any_value_keeps_its_row() -> None:
    tables = InventedStudy(
        {CELL: ("lstm", ["gru"]), LEARNING_RATE: (0.005, [0.1])}, 1, {(0.1, 0): "diverged"}
    )
    tables.effects = [effect for effect in tables.effects if effect.value != 0.1]
    figure = tables.effects_figure()
    assert row_labels(figure.axes[0])[1] == "training.learning_rate = 0.1\ndiverged 1 of 1"
    assert texts(figure).count("no value") == len(HEADLINE)


def test_runs_that_did_not_complete_have_no_dot() -> None:
    tables = InventedStudy({CELL: ("lstm", ["gru"])}, 3, {("gru", 0): "diverged"})
    tables.arms[0].runs[0].record.metrics[RATE] = 99.0
    figure = tables.effects_figure()
    assert len(points(lines(panel_of(figure, "Sound rate"), "seeds")[0])) == 2


def test_a_huge_effect_does_not_stretch_the_axis() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.002, 0.003, 0.004, 0.1])})
    tables.effects = [
        replace(effect, difference=90.0, ci_low=80.0, ci_high=100.0)
        if (effect.value, effect.metric) == (0.1, LOSS)
        else effect
        for effect in tables.effects
    ]
    for run in tables.runs:
        run.record.metrics.pop(LOSS, None)
    panel = panel_of(tables.effects_figure(), "Validation loss")
    assert panel.get_xlim()[1] < 2
    assert "+90" in [text.get_text() for text in panel.texts]


def test_the_margin_is_declared_or_the_reference_spread() -> None:
    tables = InventedStudy({CELL: ("lstm", ["gru"])})
    assert tables.study().margin(LOSS) == 0.02
    assert tables.study().margin(RATE) == 0.05 and tables.study().margin("data/anything") is None
    tables.give_reference(RATE, 0.9, 0.03)
    for run in tables.runs:
        run.record.config = {**run.record.config, "study": {"equivalence_margin": {LOSS: 0.07}}}
    study = tables.study()
    assert (study.margin(LOSS), study.margin(RATE)) == (0.07, 0.03)
    panel = panel_of(tables.effects_figure(), "Sound rate")
    (band,) = panel.patches
    ends = panel.transData.inverted().transform(band.get_window_extent())[:, 0]
    assert ends == pytest.approx([-0.03, 0.03])


@pytest.mark.parametrize("arms", [2, 25])
def test_row_labels_do_not_overlap_and_are_readable(arms: int) -> None:
    endings = {(float(place), 0): "diverged" for place in range(1, arms + 1)}
    tables = InventedStudy({LEARNING_RATE: (0.5, [float(place) for place in range(1, arms + 1)])}, 2, endings)
    figure = drawn(tables.effects_figure())
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [label.get_window_extent(renderer) for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == arms
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert smallest_text(figure) >= 8
