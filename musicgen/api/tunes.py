"""Tunes for a notebook: ABC texts, a table of them, and each as sound, score and piano roll."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from musicgen.api.renderings import PianoRoll, Score, Sound, rendering

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from musicgen.records.sampled_tunes import Song

_TEXTS = frozenset(
    {
        *("prompt", "title", "what_is_wrong", "first_problem", "section_lengths", "rendering_problems"),
        *("nearest_tune", "nearest_passage", "nearest_tune_passage", "abc"),
    }
)
"""Columns of tunes.csv that stay text, even if all their cells look like numbers."""
_SHOWN = ("title", "is_sound", "what_is_wrong")
_YES_OR_NO = {"True": True, "False": False}


class Tunes(Sequence[str]):
    r"""Tunes that a network wrote: a sequence of ABC texts.

    Examples
    --------
    >>> tunes = musicgen.load_run("outputs/run").songs
    >>> tunes[0].startswith("X:1\nN:musicgen run ")
    True
    >>> [musicgen.judge(abc).is_sound for abc in tunes] == list(tunes.table["is_sound"])
    True
    """

    def __init__(self, songs: "Sequence[Song]", folder: Path | None = None) -> None:
        """For the functions that return tunes. folder: where some of the tunes have been rendered."""
        self._songs = songs
        self._folder = folder

    @cached_property
    def table(self) -> "DataFrame":
        """A row for each tune: the columns of tunes.csv, then its text, `abc`.

        What tunes.csv does not say about soundness is judged from the text.
        """
        from pandas import DataFrame

        names = dict.fromkeys(name for song in self._songs for name in song.cells)
        columns: dict[str, object] = {
            name: _column(name, [song.cells.get(name, "") for song in self._songs]) for name in names
        }
        if "is_sound" not in columns:
            columns["is_sound"] = [song.judgement.is_sound for song in self._songs]
            columns["what_is_wrong"] = ["; ".join(song.judgement.faults.values()) for song in self._songs]
        return DataFrame(columns | {"abc": list(self)})

    @property
    def text(self) -> str:
        """All tunes as the text of one ABC file."""
        return "\n".join(self)

    def play(self, place: int) -> Sound:
        """The tune at a place, from 0, as sound, which a notebook plays.

        Raises IndexError if there is no such tune, InputError if it has nothing to hear. So do `score` and
        `roll`.

        Examples
        --------
        >>> tunes = musicgen.load_run("outputs/run").songs
        >>> tunes.play(0).path.suffix
        '.wav'
        """
        return rendering(Sound, self._song(place), self._folder)

    def score(self, place: int) -> Score:
        """The tune at a place, from 0, as sheet music, which a notebook shows.

        Examples
        --------
        >>> tunes = musicgen.load_run("outputs/run").songs
        >>> tunes.score(0).data.startswith(b"<svg")
        True
        """
        return rendering(Score, self._song(place), self._folder)

    def roll(self, place: int) -> PianoRoll:
        """The tune at a place, from 0, as a piano roll, which a notebook shows.

        Examples
        --------
        >>> tunes = musicgen.load_run("outputs/run").songs
        >>> tunes.roll(0).path.suffix
        '.png'
        """
        return rendering(PianoRoll, self._song(place), self._folder)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Tunes": ...
    def __getitem__(self, place: int | slice) -> "str | Tunes":
        """The ABC text of one tune, or some of the tunes."""
        if isinstance(place, slice):
            return Tunes(self._songs[place], self._folder)
        return self._song(place).abc

    def __len__(self) -> int:
        """The number of tunes."""
        return len(self._songs)

    def __repr__(self) -> str:
        """How many there are, in one line."""
        return f"<{len(self)} tunes>"

    def _repr_html_(self) -> str:
        if not len(self):
            return "no tunes"
        return self.table[[name for name in _SHOWN if name in self.table]].to_html(max_rows=20)

    def _song(self, place: int) -> "Song":
        try:
            return self._songs[place]
        except IndexError:
            raise IndexError(f"tune {place}: there are {len(self)} tunes, numbered from 0") from None


def _column(name: str, cells: list[str]) -> "Series":
    """Cells of tunes.csv as yes or no, numbers, or text. An empty cell is missing, unless it is text."""
    from pandas import NA, Series, to_numeric

    known = {cell for cell in cells if cell}
    if name in _TEXTS:
        return Series(cells, dtype="str")
    if known and known <= set(_YES_OR_NO):
        is_whole = "" not in cells
        return Series([_YES_OR_NO.get(cell, NA) for cell in cells], dtype="bool" if is_whole else "boolean")
    try:
        return Series(to_numeric(Series([cell or None for cell in cells], dtype=None if known else float)))
    except ValueError:
        return Series(cells, dtype="str")
