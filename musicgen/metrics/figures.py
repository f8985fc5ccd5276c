"""Figures of an evaluation: generated tunes in colour, the corpus in grey.

Every function returns a matplotlib Figure that is not registered with pyplot. Figures show shares instead of
counts, because the two sides differ in size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.comparison import Comparison
from musicgen.metrics.distributions import Distribution
from musicgen.metrics.originality import COPY_NOTES
from musicgen.metrics.profile import MAX_INTERVAL, Profile
from musicgen.notation.key import PITCH_CLASS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GENERATED_COLOUR = "#c2491d"
CORPUS_COLOUR = "#8a99a8"
_LEFT, _BOTTOM, _TOP = 0.75, 0.6, 0.4
"""Margins of a panel in inches."""
_LABEL_LEFT, _LABEL_BELOW = 0.5, 0.35
"""Distances of axis labels from their axes in inches."""
_NAMED_PITCH_CLASSES = frozenset({0, 7})
"""C and G. Each tick label takes milliseconds to draw."""
_MAX_TICKS = 5
_RARE = 0.001
"""Transition matrices omit pitches below this share on both sides."""


def evaluation_figures(comparison: Comparison) -> dict[str, Figure]:
    """The figures by file name without suffix; {} if no tune has a note."""
    if not comparison.corpus.training or not comparison.sample:
        return {}
    generated, corpus = comparison.profile, comparison.corpus.profile
    figures = {
        "pitches": pitches_and_intervals(generated, corpus),
        "transitions": transition_matrices(generated, corpus),
        "lengths": tune_lengths(generated, corpus),
    }
    if comparison.corpus.held_out:
        ours = [copies.longest_copy for copies in comparison.copies]
        figures["originality"] = longest_copies(ours, comparison.corpus.held_out_copies)
    return figures


def pitches_and_intervals(generated: Profile, corpus: Profile) -> Figure:
    """Histograms of pitches, and of intervals from note to note."""
    figure, (left, right) = _figure(2, width=10.5, height=3.8)
    low = min(generated.pitches.codes[0], corpus.pitches.codes[0])
    high = max(generated.pitches.codes[-1], corpus.pitches.codes[-1])
    _draw_binned(left, generated.pitches, corpus.pitches, np.arange(low, high + 2) - 0.5)
    named = [pitch for pitch in range(low, high + 1) if pitch % 12 in _NAMED_PITCH_CLASSES]
    left.set_xticks(named, [pitch_name(pitch) for pitch in named])
    _describe(left, "Pitches", "pitch", "share of notes (%)")
    limit = MAX_INTERVAL
    _draw_binned(right, generated.intervals, corpus.intervals, np.arange(-limit, limit + 2) - 0.5)
    right.set_xticks(range(-limit, limit + 1, 6))
    _describe(right, "Steps between notes", "interval (semitones)", "share of steps (%)")
    left.legend(frameon=False)
    return figure


def transition_matrices(generated: Profile, corpus: Profile) -> Figure:
    """Probabilities of the next pitch given the current one: generated on the left, corpus on the right."""
    figure, axes = _figure(2, width=11, height=5.2, right=1.1)
    matrices = [side.transition_matrix() for side in (generated, corpus)]
    shown = _frequent_pitches(matrices)
    named = [place for place, pitch in enumerate(shown) if pitch % 12 in _NAMED_PITCH_CLASSES]
    named = named or list(range(len(shown)))
    names = [pitch_name(shown[place]) for place in named]
    image = None
    for ax, counts, title in zip(axes, matrices, ("Generated", "Corpus"), strict=True):
        part = counts[np.ix_(shown, shown)]
        rows = counts[shown].sum(axis=1, keepdims=True)
        shares = np.where(rows > 0, part / np.maximum(rows, 1), np.nan)
        image = ax.imshow(shares, cmap="magma_r", vmin=0, vmax=0.5, origin="lower", interpolation="nearest")
        ax.set_xticks(named, names, fontsize=8)
        _describe(ax, title, "next pitch", "pitch" if ax is axes[0] else "")
    axes[0].set_yticks(named, names, fontsize=8)
    axes[1].set_yticks([])
    if image is not None:
        scale = figure.add_axes((1 - 0.9 / 11, 0.2, 0.18 / 11, 0.65))
        figure.colorbar(image, cax=scale, label="probability (0.5 and above: darkest)", ticks=[0, 0.25, 0.5])
    return figure


def tune_lengths(generated: Profile, corpus: Profile) -> Figure:
    """Notes per tune, generated and in the corpus; the longest percent in one bin."""
    figure, (ax,) = _figure(1, width=6.5, height=3.8)
    lengths = generated.num_notes, corpus.num_notes
    top = int(np.percentile(np.concatenate(lengths), 99)) + 1
    ours, theirs = (Distribution.of(np.minimum(side, top)) for side in lengths)
    _draw_binned(ax, ours, theirs, np.linspace(0, top, 31))
    _describe(ax, "Length of the tunes", f"notes per tune ({top} and more together)", "share of tunes (%)")
    ax.legend(frameon=False)
    return figure


def longest_copies(generated: Sequence[int], held_out: Sequence[int]) -> Figure:
    """Histogram of the longest run of pitches shared with a training tune, against held-out tunes."""
    figure, (ax,) = _figure(1, width=6.5, height=3.8)
    top = max(40, int(np.percentile([*generated, *held_out], 95)) + 2)
    bins = np.arange(0, top + 3, 2) - 0.5
    ours, theirs = (Distribution.of(np.minimum(side, top)) for side in (generated, held_out))
    _draw_binned(ax, ours, theirs, bins, "held-out tunes")
    ax.axvline(COPY_NOTES - 0.5, color="#444444", linewidth=1, linestyle="--")
    ax.annotate(
        f"copies count from {COPY_NOTES} notes",
        (COPY_NOTES - 0.5, 1),
        xycoords=("data", "axes fraction"),
        xytext=(5, -12),
        textcoords="offset points",
        fontsize=8,
        color="#444444",
    )
    _describe(
        ax,
        "Longest passage found in a training tune",
        f"notes ({top} and more together)",
        "share of tunes (%)",
    )
    ax.legend(frameon=False, loc="center right")
    return figure


def pitch_name(pitch: int) -> str:
    """Scientific pitch name of a MIDI number: 60 is C4."""
    return f"{PITCH_CLASS_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _figure(columns: int, *, width: float, height: float, right: float = 0.15) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side; width, height and right margin in inches.

    Margins and label positions are fixed, because an automatic layout takes longer than drawing.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150)
    panels = list(figure.subplots(1, columns, squeeze=False).flat)
    panel_width = (width - right - columns * _LEFT) / columns
    figure.subplots_adjust(
        left=_LEFT / width,
        right=1 - right / width,
        bottom=_BOTTOM / height,
        top=1 - _TOP / height,
        wspace=_LEFT / panel_width,
    )
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.locator_params(nbins=_MAX_TICKS)
        panel.xaxis.set_label_coords(0.5, -_LABEL_BELOW / (height - _BOTTOM - _TOP))
        panel.yaxis.set_label_coords(-_LABEL_LEFT / panel_width, 0.5)
    return figure, panels


def _describe(panel: Axes, title: str, horizontal: str, vertical: str) -> None:
    panel.set_title(title, y=1.0)
    panel.set(xlabel=horizontal, ylabel=vertical)


def _draw_binned(
    ax: Axes, ours: Distribution, theirs: Distribution, bins: NDArray[Any], their_name: str = "corpus"
) -> None:
    """Draw the corpus as grey bars, and the generated tunes as a coloured outline over them."""
    for side, name, style in (
        (theirs, their_name, {"color": CORPUS_COLOUR, "fill": True, "alpha": 0.55, "linewidth": 0}),
        (ours, "generated", {"color": GENERATED_COLOUR, "fill": False, "linewidth": 1.8}),
    ):
        counts, _ = np.histogram(side.codes, bins, weights=side.counts)
        ax.stairs(100 * counts / max(counts.sum(), 1), bins, label=name, **style)
    ax.set_xlim(bins[0], bins[-1])
    ax.set_ylim(bottom=0)


def _frequent_pitches(matrices: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The pitches that are common on at least one side."""
    shares = [counts.sum(axis=1) / max(counts.sum(), 1) for counts in matrices]
    return np.flatnonzero(np.maximum(*shares) >= _RARE)
