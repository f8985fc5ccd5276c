"""What the musical two-sample test reads of a tune: form, endings, bars, rhythm, tonality and contour.

Every feature is about one tune and independent of its key, and none is a run of notes: what runs of notes can
tell is the n-gram test's task.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.soundness import Judgement, share
from musicgen.notation import Bar, Note

_MAX_STEP = 2
_MIN_LEAP = 5
"""A perfect fourth, in semitones."""
_LAGS = (1, 2, 4, 8, 16)
_MISSING = -9.0
"""Below every value, so that a tree can tell it from all of them."""
_MIN_LIKENESS = 0.5
"""A bar of which this share of the notes is that of another bar is a near-copy of it."""


def musical_features(judgement: Judgement) -> NDArray[np.float64]:
    """The features of a tune, shape (features,); -9 where it has nothing to measure."""
    bars = [bar for bar in judgement.tune.bars if bar.notes]
    features = {**_form(judgement), **_endings(judgement, bars), **_repeats(judgement, bars)}
    features |= _rhythm(judgement) | _tonality(judgement, bars) | _contour(bars)
    return np.array([_MISSING if value is None else float(value) for value in features.values()])


_Features = dict[str, float | None]


def _form(judgement: Judgement) -> _Features:
    lengths = [section.num_bars for section in judgement.sections]
    return {
        "bars": len(judgement.tune.bars),
        "sections": len(lengths),
        "longest section": max(lengths, default=None),
        "shortest section": min(lengths, default=None),
        "first section": lengths[0] if lengths else None,
        "sections of fours": share(length % 4 == 0 for length in lengths),
        "sections of eight": share(length == 8 for length in lengths),
        "repeated sections": share(section.is_repeated for section in judgement.sections),
        "form": judgement.has_form,
    }


def _endings(judgement: Judgement, bars: Sequence[Bar]) -> _Features:
    sections = judgement.sections
    pickups = [float(section.pickup) for section in sections]
    last_notes = [section.last_bar.notes[-1] for section in sections if section.last_bar.notes]
    return {
        "ended": judgement.is_ended,
        "last note": _degree(bars[-1], bars[-1].notes[-1]) if bars else None,
        "last length": _length(bars[-1], bars[-1].notes[-1]) if bars else None,
        "tonic endings": judgement.section_tonic_endings,
        "fitting ends": share(judgement.section_ends_that_fit),
        "final lengths": _mean([float(note.duration) for note in last_notes]),
        "first pickup": pickups[0] if pickups else None,
        "pickups": len(set(pickups)),
        "final line": judgement.tune.bars[-1].line.endswith((":|", "||", "|]")) if bars else None,
    }


def _repeats(judgement: Judgement, bars: Sequence[Bar]) -> _Features:
    texts = [bar.text for bar in judgement.tune.bars]
    notes = [
        [(note.pitch, duration) for note, duration in zip(bar.notes, rhythm, strict=True)]
        for bar, rhythm in zip(bars, judgement.rhythms, strict=True)
    ]
    like = [_likeness(notes[place], notes[place - 8]) for place in range(8, len(notes))]
    return {
        "loop": judgement.loop is not None,
        "wrong bars": len(judgement.wrong_bars) / len(texts) if texts else None,
        "distinct bars": len(set(texts)) / len(texts) if texts else None,
        **{
            f"equal {lag} bars before": share(
                texts[place] == texts[place - lag] for place in range(lag, len(texts))
            )
            for lag in _LAGS
        },
        "near-copies 8 bars before": share(_MIN_LIKENESS <= share < 1 for share in like),
    }


def _rhythm(judgement: Judgement) -> _Features:
    rhythms = judgement.rhythms
    counts = [len(rhythm) for rhythm in rhythms]
    return {
        "commonest rhythm": judgement.commonest_rhythm,
        "distinct rhythms": len(set(rhythms)) / len(rhythms) if rhythms else None,
        "rhythm of the bar before": share(one == other for one, other in pairwise(rhythms)),
        "notes in a bar": _mean(counts),
        "spread of notes in a bar": float(np.std(counts)) if counts else None,
        "durations": len({duration for rhythm in rhythms for duration in rhythm}),
    }


def _tonality(judgement: Judgement, bars: Sequence[Bar]) -> _Features:
    time = [0.0] * 12
    num_outside = num_notes = 0
    for bar, rhythm in zip(bars, judgement.rhythms, strict=True):
        scale = bar.key.scale
        for note, duration in zip(bar.notes, rhythm, strict=True):
            time[_degree(bar, note)] += duration
            num_outside += note.pitch % 12 not in scale
            num_notes += 1
    return {
        "downbeat triad": judgement.downbeat_triad,
        "key fit": _key_fit(judgement),
        "first note": _degree(bars[0], bars[0].notes[0]) if bars else None,
        "outside the scale": num_outside / num_notes if num_notes else None,
        **{f"time on degree {degree}": time[degree] / (sum(time) or 1) for degree in (0, 2, 5, 7, 9)},
        "tonic on the downbeat": share(_degree(bar, bar.notes[0]) == 0 for bar in bars),
    }


def _key_fit(judgement: Judgement) -> float:
    """How much better the tonic of K: fits than the best of the others, in [-2, 2]."""
    fits = judgement.key_fits.reshape(2, 12).max(axis=0)
    return float(fits[judgement.tune.tonic] - np.delete(fits, judgement.tune.tonic).max())


def _contour(bars: Sequence[Bar]) -> _Features:
    pitches = np.array([note.pitch for bar in bars for note in bar.notes], np.int64)
    steps = np.diff(pitches)
    sizes, turns = np.abs(steps), np.sign(steps[1:]) * np.sign(steps[:-1])
    across = [abs(after.notes[0].pitch - before.notes[-1].pitch) for before, after in pairwise(bars)]
    tonic = bars[0].key.tonic if bars else 0
    return {
        "interval": _mean(sizes.tolist()),
        "repeated notes": _mean((sizes == 0).tolist()),
        "steps": _mean(((sizes > 0) & (sizes <= _MAX_STEP)).tolist()),
        "leaps": _mean((sizes >= _MIN_LEAP).tolist()),
        "largest leap": int(sizes.max()) if len(sizes) else None,
        "turns": _mean((turns < 0).tolist()),
        "interval at bar lines": _mean(across),
        "range": int(np.ptp(pitches)) if len(pitches) else None,
        "lowest degree": (int(pitches.min()) - tonic) % 12 if len(pitches) else None,
        "height": float(pitches.mean() - pitches.min()) if len(pitches) else None,
        "where the highest is": float(np.argmax(pitches)) / len(pitches) if len(pitches) else None,
    }


def _degree(bar: Bar, note: Note) -> int:
    """Semitones above the tonic, 0 to 11."""
    return (note.pitch - bar.key.tonic) % 12


def _length(bar: Bar, note: Note) -> float:
    """A note's share of a full bar; in whole notes in free meter."""
    return float(note.duration / (bar.meter or 1))


def _likeness(bar: Sequence[object], other: Sequence[object]) -> float:
    """Share of the notes of a bar that stand at the same place of the other one."""
    longest = max(len(bar), len(other), 1)
    return sum(one == two for one, two in zip(bar, other, strict=False)) / longest


def _mean(values: Sequence[float]) -> float | None:
    return float(sum(values)) / len(values) if len(values) else None
