"""Metrics by temperature or prompt, as a figure and as a table."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from musicgen.metrics.group_figure import group_figure
from musicgen.metrics.table import shortened

REFERENCE = {
    "validity/sound_rate": {"mean": 0.9, "sd": 0.04},
    "structure/lag_repeat": {"mean": 0.2, "sd": 0.02},
}
BY_TEMPERATURE = {
    "1.2": {
        "validity/sound_rate": 0.1,
        "structure/lag_repeat": None,
        "validity/loop_rate": None,
    },
    "0.4": {
        "validity/sound_rate": 0.8,
        "structure/lag_repeat": 0.02,
        "validity/loop_rate": None,
    },
}
PROMPTS = [
    "X:",
    "X:1\nT:$\\frac$\nK:[bold]\n",
    "X:1\nT:" + "A long title " * 5 + "\nM:6/8\nK:D\n",
    "\x00\ufffd",
]


def panels(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """Title -> x and y of the points in the panel."""
    drawn = {}
    for panel in figure.axes:
        lines = [line for line in panel.lines if line.get_marker() == "o"]
        if lines:
            x, y = np.asarray(lines[0].get_xdata()), np.asarray(lines[0].get_ydata())
            drawn[panel.get_title(loc="left")] = (x.tolist(), y.tolist())
    return drawn


def overlapping_texts(figure: Figure) -> list[tuple[str, str]]:
    """Tick labels, axis labels and titles that overlap."""
    figure.canvas.draw()
    texts = []
    for panel in figure.axes:
        if not panel.axison:
            continue
        texts += [panel.xaxis.label, panel._left_title]  # type: ignore[attr-defined]
        # matplotlib keeps, but does not draw, labels beyond the ends of an axis.
        texts += [
            label for label in panel.get_xticklabels() if label.get_position()[0] <= panel.get_xlim()[1]
        ]
        texts += panel.get_yticklabels()
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    return [
        (one, other)
        for place, (one, box) in enumerate(boxes)
        for other, other_box in boxes[:place]
        if box.overlaps(other_box)
    ]


def test_temperatures_are_a_sorted_line_with_gaps() -> None:
    figure = group_figure(BY_TEMPERATURE, "temperature", REFERENCE)
    drawn = panels(figure)
    assert list(drawn) == ["Sound rate  ↑", "Lag repeat  → corpus"]
    assert drawn["Sound rate  ↑"] == ([0.4, 1.2], [0.8, 0.1])
    assert np.isnan(drawn["Lag repeat  → corpus"][1][1])
    band = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((0.82, 0.98))
    assert overlapping_texts(figure) == []


def test_prompts_are_rows_of_dots() -> None:
    by = {prompt: {"validity/sound_rate": 0.1 * place} for place, prompt in enumerate(PROMPTS)}
    figure = group_figure(by, "prompt", {})
    (values, rows) = panels(figure)["Sound rate  ↑"]
    assert values == pytest.approx([0, 0.1, 0.2, 0.3])
    assert rows == [0, 1, 2, 3]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [shortened(prompt) for prompt in PROMPTS]
    assert overlapping_texts(figure) == []


def test_a_page_shows_only_the_first_prompts() -> None:
    names = ("validity/sound_rate", "validity/ended_rate", "structure/lag_repeat")
    metrics: dict[str, float | None] = dict.fromkeys(names, 0.5)
    figure = group_figure({f"X:{number}\n" * 9: metrics for number in range(90)}, "prompt", REFERENCE)
    assert "the first 24 of 90" in figure.get_suptitle()
    assert len(panels(figure)["Ended rate  ↑"][0]) == 24
    assert figure.get_size_inches()[1] < 17
    assert overlapping_texts(figure) == []


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="no headline metric"):
        group_figure({"0.5": {"validity/sound_rate": None}}, "temperature", REFERENCE)
