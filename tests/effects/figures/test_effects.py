"""What is in the figure of effects: rows, labels, ends of intervals; not how it looks."""

from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from musicgen.effects.figures.effects import MAX_ARMS
from musicgen.metrics.registry import HEADLINE
from tests.effects.invented_study import (
    CELL,
    LEARNING_RATE,
    SHARED,
    TEMPERATURE,
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
        "learning_rate=0.01",
        "learning_rate=0.001",
        "cell=gru",
    ]


def test_the_largest_effect_on_a_primary_metric_comes_first() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01]), CELL: ("lstm", ["gru", "rnn"])})
    sizes = {"gru": {LOSS: -3.0}, "rnn": {RATE: -0.25}, 0.001: {RATE: 0.0}, 0.01: {RATE: 0.02}}
    tables.effects = [
        replace(effect, difference=sizes[effect.value].get(effect.metric, 0.1))
        if effect.metric in (LOSS, RATE)
        else replace(effect, difference=9.0)
        for effect in tables.effects
    ]
    assert row_labels(tables.effects_figure().axes[0]) == [
        "cell=gru",
        "cell=rnn",
        "learning_rate=0.01",
        "learning_rate=0.001",
    ]
    tables.effects = [effect for effect in tables.effects if effect.metric not in (LOSS, RATE)]
    assert "The largest difference comes first." in texts(tables.effects_figure())


def test_primary_metrics_come_first_and_include_those_that_are_no_headline() -> None:
    tables = InventedStudy({CELL: ("lstm", ["gru"])})
    declared = {"primary_metrics": ["diversity/distinct_4", RATE]}
    for run in tables.runs:
        run.record.config = {**run.record.config, "study": declared}
    titles = [panel.get_title(loc="left") for panel in tables.effects_figure().axes]
    assert titles[:3] == ["Distinct 4-grams", "Sound rate", "Validation loss"]
    assert len(titles) == len(HEADLINE) + 1


def test_what_a_change_cannot_move_is_left_out() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2]), CELL: ("lstm", ["gru"])})
    tables.leave_the_loss()
    figure = tables.effects_figure()
    row = row_labels(figure.axes[0]).index("temperature=0.2")
    loss, sound = panel_of(figure, "Validation loss"), panel_of(figure, "Sound rate")
    assert not lines(loss, "temperature=0.2") and lines(sound, "temperature=0.2")
    assert row not in [y for line in loss.lines if line.get_label() == "interval" for _, y in points(line)]
    assert "no value" not in [text.get_text() for text in loss.texts]
    assert any("An empty row: the change cannot move this metric." in text for text in texts(figure))


def test_a_panel_that_no_change_can_move_is_not_drawn() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2])})
    tables.leave_the_loss()
    figure = tables.effects_figure()
    assert len(figure.axes) == len(HEADLINE) - 1
    assert not any("An empty row" in text for text in texts(figure))


def test_a_metric_that_happens_to_be_identical_is_drawn() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2])})
    tables.effects = [
        replace(effect, **SHARED) if effect.metric == RATE else effect for effect in tables.effects
    ]
    assert lines(panel_of(tables.effects_figure(), "Sound rate"), "temperature=0.2")


def test_nothing_is_drawn_beyond_the_largest_possible_difference() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.002])})
    tables.effects = [
        replace(effect, difference=-0.9, ci_low=-1.4, ci_high=1.3) if effect.metric == RATE else effect
        for effect in tables.effects
    ]
    panel = panel_of(tables.effects_figure(), "Sound rate")
    assert -1 <= panel.get_xlim()[0] < panel.get_xlim()[1] <= 1
    assert [x for x, _ in points(lines(panel, "interval")[0])] == [-1, 1]
    assert not [text for text in panel.texts if text.get_text() in ("−1.4", "+1.3")]


def test_intervals_end_where_the_table_says(two_parameters: InventedStudy) -> None:
    panel = panel_of(two_parameters.effects_figure(), "Sound rate")
    drawn = [points(line) for line in lines(panel, "interval")]
    effects = [effect for effect in two_parameters.effects if effect.metric == RATE]
    assert drawn == [
        [(effect.ci_low, position), (effect.ci_high, position)]
        for position, effect in enumerate(effects[place] for place in (1, 0, 2))
    ]
    assert points(lines(panel, "cell=gru")[0]) == [(pytest.approx(0.1), 2)]


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
    assert labels[0] == "learning_rate=0.01"
    assert labels[1] == "learning_rate=0.001\ndiverged 2 of 3"
    assert labels[2] == "cell=gru\nfailed 1 of 3"
    assert "0.001\ndiverged 2 of 3" in texts(figures["loss_curves"])
    assert "0.001: diverged 2 of 3" in texts(figures["dose_response_training_learning_rate"])


def test_an_arm_without_any_value_keeps_its_row() -> None:
    tables = InventedStudy(
        {CELL: ("lstm", ["gru"]), LEARNING_RATE: (0.005, [0.1])}, 1, {(0.1, 0): "diverged"}
    )
    tables.effects = [effect for effect in tables.effects if effect.value != 0.1]
    figure = tables.effects_figure()
    assert row_labels(figure.axes[0])[1] == "learning_rate=0.1\ndiverged 1 of 1"
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
    assert "+90 [+80, +100]" in [text.get_text() for text in panel.texts]


def test_an_interval_that_the_axis_cuts_has_an_arrow_and_its_end() -> None:
    tables = InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.002, 0.003, 0.004, 0.1])})
    tables.effects = [
        replace(effect, ci_low=-42.0) if (effect.value, effect.metric) == (0.1, LOSS) else effect
        for effect in tables.effects
    ]
    panel = panel_of(tables.effects_figure(), "Validation loss")
    assert "−42" in [text.get_text() for text in panel.texts]
    assert [points(line) for line in panel.lines if line.get_marker() == "<"] == [[(panel.get_xlim()[0], 0)]]


def test_the_margin_is_declared_or_the_reference_spread() -> None:
    tables = InventedStudy({CELL: ("lstm", ["gru"])})
    assert (tables.study().margin(LOSS), tables.study().margin(RATE)) == (0.02, 0.05)
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


def test_of_very_many_arms_the_largest_have_rows() -> None:
    levels = [0.001 * number for number in range(1, MAX_ARMS + 4)]
    tables = InventedStudy({LEARNING_RATE: (0.5, levels)})
    tables.effects = [
        replace(effect, difference=float(str(effect.value)) if effect.metric == LOSS else 0.0)
        for effect in tables.effects
    ]
    figure = tables.effects_figure()
    labels = row_labels(figure.axes[0])
    assert len(labels) == MAX_ARMS and labels[0] == "learning_rate=0.043"
    assert "learning_rate=0.003" not in labels and "learning_rate=0.004" in labels
    assert any(f"The {MAX_ARMS} largest of {MAX_ARMS + 3} changes." in text for text in texts(figure))
