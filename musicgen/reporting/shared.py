"""The longest run of notes that a song shares with a training tune: in words, and as it stands in both.

The song's passage is cut from the song. The training tune's comes from tunes.csv, since a report may be
written where no corpus is; runs from before that column have none.
"""

import math
from dataclasses import dataclass

from musicgen.metrics.originality import NOVELTY_NOTES
from musicgen.notation.melodies import Melody, melody_of
from musicgen.notation.parsing import parse_tune
from musicgen.notation.passages import Passage, cut_passage, find_in_passage
from musicgen.records.sampled_tunes import Song

FEWEST_NOTES = NOVELTY_NOTES
"""Shorter runs are shared by chance: their passages say nothing."""
NOT_RECORDED = "not recorded: this run is older than the column of tunes.csv that holds it"
NOT_ALONE = "cannot be shown by itself"


@dataclass(frozen=True, slots=True)
class SharedRun:
    """What a song and its nearest training tune have in common."""

    tune: str
    """The training tune's title."""
    words: str
    """How it continues the training tune's title."""
    is_shown: bool
    """Whether the run is long enough for its passages to be shown."""
    own: Passage | None
    training: Passage | None
    missing: str
    """Why there is no passage of the training tune, where there is none."""


def shared_run(song: Song) -> SharedRun | None:
    """What a song shares with its nearest training tune; None where they were not compared."""
    longest = _whole(song, "longest_copy")
    if longest is None:
        return None
    found, start = _whole(song, "nearest_notes"), _whole(song, "nearest_start")
    num_notes = longest if found is None else found
    is_shown = num_notes >= FEWEST_NOTES
    melody = melody_of(parse_tune(song.abc)) if is_shown and start is not None else None
    run = slice(start or 0, (start or 0) + num_notes)
    return SharedRun(
        tune=song.cells.get("nearest_tune") or "untitled",
        words=_words(
            num_notes,
            _whole(song, "nearest_transposition") or 0,
            _whole(song, "longest_transposed_copy"),
        ),
        is_shown=is_shown,
        own=_own_passage(song, melody, run),
        training=_training_passage(song, melody, run),
        missing=NOT_ALONE if "nearest_tune_passage" in song.cells else NOT_RECORDED,
    )


def _whole(song: Song, column: str) -> int | None:
    number = song.number(column)
    return int(number) if number is not None and math.isfinite(number) else None


def _words(num_notes: int, transposition: int, longest_in_any_key: int | None) -> str:
    if num_notes == 0:
        return "not a note in common"
    told = f"{num_notes} note{'s' if num_notes > 1 else ''} in a row in common at most"
    if transposition:
        steps = abs(transposition)
        way = "higher" if transposition > 0 else "lower"
        return f"{told}, transposed: {steps} semitone{'s' if steps > 1 else ''} {way} in the song"
    if longest_in_any_key is not None:
        told += f", as written ({longest_in_any_key} in any key)"
    return told


def _own_passage(song: Song, melody: Melody | None, run: slice) -> Passage | None:
    cut = cut_passage(song.abc, melody, run.start, run.stop) if melody is not None else None
    bars = song.cells.get("nearest_passage")
    return cut if cut is not None or not bars else Passage("", bars, "", "")


def _training_passage(song: Song, melody: Melody | None, run: slice) -> Passage | None:
    text = song.cells.get("nearest_tune_passage")
    if not text:
        return None
    marked = find_in_passage(text, melody.pitches[run]) if melody is not None else None
    return marked or Passage("", text, "", "")
