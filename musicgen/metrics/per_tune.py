"""The rows of tunes.csv: metrics of each tune, and its nearest training tune."""

from collections.abc import Mapping

import numpy as np

from musicgen.metrics.comparison import Comparison
from musicgen.metrics.distributions import entropy_bits
from musicgen.metrics.originality import Copies
from musicgen.metrics.soundness import share
from musicgen.metrics.structure import repeats_a_phrase
from musicgen.metrics.tunes import ScoredTune, Tune, UnmeasurableError
from musicgen.metrics.validity import is_complete, is_valid
from musicgen.notation.passages import cut_passage

NEAREST_COLUMNS = (
    "nearest_tune",
    "nearest_passage",
    "nearest_start",
    "nearest_notes",
    "nearest_transposition",
    "nearest_tune_passage",
)
"""The columns about the training tune with the longest copy; see docs/evaluation.md."""


def tune_rows(comparison: Comparison) -> list[dict[str, object]]:
    """A row for each delivered tune, in order. Cells without a value are None."""
    try:
        copies: list[Copies | None] = list(comparison.all_copies)
    except UnmeasurableError:
        copies = [None] * len(comparison.delivered)
    return [
        _tune_row(tune, found, comparison.corpus.indexed)
        for tune, found in zip(comparison.delivered, copies, strict=True)
    ]


def _tune_row(tune: ScoredTune, copies: Copies | None, indexed: tuple[Tune, ...]) -> dict[str, object]:
    has_notes = len(tune.melody) > 0
    judgement, loop = tune.judgement, tune.judgement.loop
    return {
        "title": tune.title,
        "is_sound": judgement.is_sound,
        "is_whole": judgement.is_whole,
        "is_strictly_sound": judgement.is_strictly_sound,
        "what_is_wrong": "; ".join(judgement.faults.values()),
        "num_notes": len(tune.melody),
        "num_bars": len(tune.bars),
        "num_valid_bars": tune.num_valid_bars,
        "is_complete": is_complete(tune),
        "parses": tune.parses,
        "is_valid": is_valid(tune),
        "first_problem": tune.parsed.problems[0] if tune.parsed.problems else None,
        "pitch_class_entropy": entropy_bits(np.bincount(tune.melody.pitches % 12)) if has_notes else None,
        "pitch_range": int(np.ptp(tune.melody.pitches)) if has_notes else None,
        "lag_repeat": share(repeats_a_phrase(tune.bars)),
        "distinct_bars": len(set(tune.bars)) / len(tune.bars) if tune.bars else None,
        "is_ended": judgement.is_ended,
        "loop_bars": loop.num_bars if loop is not None else None,
        "loop_statements": loop.num_statements if loop is not None else None,
        "ends_on_tonic": judgement.ends_on_tonic if has_notes else None,
        "section_lengths": " ".join(str(section.num_bars) for section in judgement.sections),
        "section_tonic_endings": judgement.section_tonic_endings,
        "section_ends_that_fit": share(judgement.section_ends_that_fit),
        "has_form": judgement.has_form,
        "has_long_last_note": judgement.has_long_last_note,
        "downbeat_triad": judgement.downbeat_triad,
        "is_in_its_key": judgement.is_in_its_key,
        "commonest_rhythm": judgement.commonest_rhythm,
        **originality_cells(tune, copies if has_notes else None, indexed),
    }


def originality_cells(
    tune: ScoredTune, copies: Copies | None, indexed: tuple[Tune, ...]
) -> dict[str, object]:
    """The cells about copies and the nearest training tune; None without copies.

    indexed: the tunes that the index of the copies was built of.
    """
    return {
        "longest_copy": copies.longest_copy if copies is not None else None,
        "longest_transposed_copy": copies.longest_transposed_copy if copies is not None else None,
        "has_copy": copies.has_copy if copies is not None else None,
        "copied_share": float(copies.copied.mean()) if copies is not None else None,
        "novelty_8": float(copies.novel.mean()) if copies is not None and len(copies.novel) else None,
        **_nearest_cells(tune, copies, indexed),
    }


def _nearest_cells(
    tune: ScoredTune, copies: Copies | None, indexed: tuple[Tune, ...]
) -> Mapping[str, object]:
    """The source of the longest copy (the first, in case of ties); None if no note is shared.

    A transposed copy counts only if it has at least 16 notes and is longer than any copy as written: almost
    every tune shares a short run of steps with some training tune.
    """
    if copies is None or not copies.longest_copy:
        return dict.fromkeys(NEAREST_COLUMNS)
    is_transposed = copies.has_copy and copies.longest_transposed_copy > copies.longest_copy
    matches = copies.steps if is_transposed else copies.pitches
    num_notes = copies.longest_transposed_copy if is_transposed else copies.longest_copy
    start = int(np.argmax(matches.lengths))
    training, place = indexed[matches.tunes[start]], int(matches.places[start])
    passage = cut_passage(training.text, training.melody, place, place + num_notes)
    values = (
        training.title,
        _bars_around(tune, start, start + num_notes),
        start,
        num_notes,
        int(tune.melody.pitches[start] - training.melody.pitches[place]),
        passage.text if passage is not None else None,
    )
    return dict(zip(NEAREST_COLUMNS, values, strict=True))


def _bars_around(tune: ScoredTune, start: int, stop: int) -> str:
    """The bars that overlap these notes, in ABC."""
    texts, note = [], 0
    for bar in tune.parsed.bars:
        if note < stop and note + len(bar.notes) > start:
            texts.append(bar.text)
        note += len(bar.notes)
    return "|".join(texts)
