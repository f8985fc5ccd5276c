"""The longest run of notes that a song shares with a training tune, in words and as printed in both tunes.

The song's passage is cut from the song. The training tune's passage comes from tunes.csv, because a report
may be written without the corpus; older runs do not have that column.
"""

from dataclasses import dataclass

from musicgen.metrics.originality import NOVELTY_NOTES
from musicgen.notation.melodies import Melody, melody_of
from musicgen.notation.parsing import parse_tune
from musicgen.notation.passages import Passage, cut_passage, find_in_passage
from musicgen.records.sampled_tunes import Song
from musicgen.system.words import counted

MIN_NOTES = NOVELTY_NOTES
"""Shorter runs are shared by chance, so their passages are not shown."""
NOT_RECORDED = "not recorded: this run was made before tunes.csv had the column"
NOT_EXTRACTABLE = "cannot be shown on its own"


@dataclass(frozen=True, slots=True)
class CopiedPassage:
    """What a song and its nearest training tune have in common."""

    tune: str
    """The training tune's title."""
    words: str
    """How much is shared, such as "at most 9 notes in a row in common, as written"."""
    is_shown: bool
    """Whether the run is long enough for its passages to be shown."""
    in_song: Passage | None
    in_training_tune: Passage | None
    missing_reason: str
    """Why the training tune's passage is missing, if it is."""


def copied_passage(song: Song) -> CopiedPassage | None:
    """What a song shares with its nearest training tune; None if they were not compared."""
    longest = _integer(song, "longest_copy")
    if longest is None:
        return None
    found, start = _integer(song, "nearest_notes"), _integer(song, "nearest_start")
    num_notes = longest if found is None else found
    is_shown = num_notes >= MIN_NOTES
    melody = melody_of(parse_tune(song.abc)) if is_shown and start is not None else None
    run = slice(start or 0, (start or 0) + num_notes)
    transposition = _integer(song, "nearest_transposition") or 0
    return CopiedPassage(
        tune=song.cells.get("nearest_tune") or "untitled",
        words=_words(num_notes, transposition, _integer(song, "longest_transposed_copy")),
        is_shown=is_shown,
        in_song=_song_passage(song, melody, run),
        in_training_tune=_training_passage(song, melody, run),
        missing_reason=NOT_EXTRACTABLE if "nearest_tune_passage" in song.cells else NOT_RECORDED,
    )


def _integer(song: Song, column: str) -> int | None:
    number = song.number(column)
    return None if number is None else int(number)


def _words(num_notes: int, transposition: int, longest_in_any_key: int | None) -> str:
    if num_notes == 0:
        return "no notes in common"
    words = f"at most {counted(num_notes, 'note')} in a row in common"
    if transposition:
        steps = abs(transposition)
        way = "higher" if transposition > 0 else "lower"
        return f"{words}, transposed {counted(steps, 'semitone')} {way} in the song"
    if longest_in_any_key is not None:
        words += f", as written ({longest_in_any_key} in any key)"
    return words


def _song_passage(song: Song, melody: Melody | None, run: slice) -> Passage | None:
    cut = cut_passage(song.abc, melody, run.start, run.stop) if melody is not None else None
    bars = song.cells.get("nearest_passage")
    return cut if cut is not None or not bars else Passage("", bars, "", "")


def _training_passage(song: Song, melody: Melody | None, run: slice) -> Passage | None:
    text = song.cells.get("nearest_tune_passage")
    if not text:
        return None
    marked = find_in_passage(text, melody.pitches[run]) if melody is not None else None
    return marked or Passage("", text, "", "")
