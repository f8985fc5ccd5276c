"""What is in the figure of a sampling parameter's trade."""

import math

import pytest
from matplotlib.axes import Axes

from musicgen.effects.figures.sampling import trade_figure
from tests.effects.invented_study import (
    LEARNING_RATE,
    TEMPERATURE,
    InventedStudy,
    drawn,
    lines,
    points,
    smallest_text,
)
from tests.records.made_runs import RATE

COPIED, DISTINCT = "originality/copied_share", "diversity/distinct_4"


@pytest.fixture
def tables() -> InventedStudy:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])})
    for run in tables.runs:
        run.record.reference = {
            RATE: {"mean": 0.9, "sd": 0.2},
            DISTINCT: {"mean": 0.6, "sd": 0.1},
            COPIED: {"mean": 0.02, "sd": 0.05},
        }
    return tables


def panels(tables: InventedStudy) -> tuple[Axes, Axes]:
    distinct, copied = tables.trade(TEMPERATURE).axes
    return distinct, copied


def labels(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.texts if text.get_text()]


def test_each_level_is_a_point_of_both_metrics(tables: InventedStudy) -> None:
    for run in tables.arms[0].runs:
        run.record.metrics |= {RATE: 0.8, DISTINCT: 0.3, COPIED: 0.1}
    distinct, copied = panels(tables)
    assert points(lines(distinct, "0.2")[0]) == [(pytest.approx(0.3), pytest.approx(0.8))]
    assert points(lines(copied, "0.2")[0]) == [(pytest.approx(0.1), pytest.approx(0.8))]
    assert lines(distinct, "0.7")[0].get_marker() == "D" != lines(distinct, "0.2")[0].get_marker()
    assert [x for x, _ in points(lines(distinct, "levels")[0])] == pytest.approx([0.3, 0.21, 0.41])
    assert labels(distinct) == ["0.2", "0.7", "1.4"]


def test_real_tunes_are_a_star_within_what_is_possible(tables: InventedStudy) -> None:
    distinct, copied = panels(tables)
    assert points(lines(distinct, "real tunes")[0]) == [(0.6, 0.9)]
    across, up = lines(copied, "real SD")
    assert points(across) == [(0.0, 0.9), (pytest.approx(0.07), 0.9)]
    assert points(up) == [(0.02, pytest.approx(0.7)), (0.02, 1.0)]
    assert copied.get_xlim()[0] == 0 and copied.get_ylim() == (0, 1)


def test_levels_at_the_same_point_share_a_label(tables: InventedStudy) -> None:
    for arm in tables.arms:
        for run in arm.runs:
            run.record.metrics |= {RATE: 0.5, COPIED: 0.0}
    assert labels(panels(tables)[1]) == ["0.2, 1.4", "0.7"]


def test_a_baseline_without_a_number_is_apart_from_the_line() -> None:
    tables = InventedStudy({"sampling.top_p": (None, [0.8, 0.9])})
    panel = tables.trade("sampling.top_p").axes[0]
    assert len(points(lines(panel, "levels")[0])) == 2
    assert labels(panel) == ["0.8", "0.9", "null"]


def test_seeds_are_dots(tables: InventedStudy) -> None:
    for run in tables.baseline.runs:
        run.record.metrics |= {RATE: 0.1 * run.record.seed, DISTINCT: 0.5}
    dots = points(lines(panels(tables)[0], "seeds")[1])
    assert dots == [(0.5, 0.0), (0.5, pytest.approx(0.1)), (0.5, pytest.approx(0.2))]


def test_only_parameters_of_sampling_with_two_levels_have_one(tables: InventedStudy) -> None:
    assert trade_figure(InventedStudy({LEARNING_RATE: (0.1, [0.2])}).study(), LEARNING_RATE) is None
    for run in tables.runs:
        run.record.metrics.pop(RATE)
    assert trade_figure(tables.study(), TEMPERATURE) is None


def test_the_trade_has_no_small_text_and_its_runs_that_failed() -> None:
    tables = InventedStudy({TEMPERATURE: (0.7, [0.2, 1.4])}, 3, {(0.2, 1): "failed"})
    figure = drawn(tables.trade(TEMPERATURE))
    assert smallest_text(figure) >= 8
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "0.2: failed 1 of 3"
    assert not any(math.isnan(y) for line in figure.axes[0].lines for _, y in points(line))
