"""Which sampled tunes are best, by a rule that anybody can check, and a random draw of good and bad ones.

A tune that passes every gate is a success; successes are ordered by points. The rule knows only
what was measured of each tune; if listeners rated a tune, their ratings make half of its points.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from musicgen.metrics.originality import COPY_NOTES
from musicgen.records.sampled_tunes import Song
from musicgen.reporting.copied_passages import CopiedPassage, copied_passage

MIN_BARS = 8
"""Two correct bars are not yet a tune."""
_BAR_POINTS, _ANSWER_POINTS, _VARIETY_POINTS, _ENDING_POINTS = 40, 25, 20, 15
_ENOUGH_ANSWERS = 0.17
"""O'Neill's share of answering bars, which earns full points if the run has no corpus figures."""
_VARIED = (0.5, 0.9)
"""Shares of different bars that earn full points: about those of O'Neill's tunes."""
_VARIETY_TOLERANCE = 0.25
_NEAR_MISS_POINTS = 50
_LOWEST_RATING, _HIGHEST_RATING = 1.0, 5.0

Ratings = Mapping[tuple[str, int], float]
"""Run identity and index of a tune -> its mean rating, from 1 to 5."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that every success meets."""

    words: str
    """Completes "a song ..."."""
    failure: str
    """Completes "it ..." for a song that does not pass."""
    passes: Callable[[Song], bool]


GATES = (
    Gate("has a key, a body and its own ending", "is not complete", lambda song: song.says("is_complete")),
    Gate(
        f"has at least {MIN_BARS} bars",
        f"has fewer than {MIN_BARS} bars",
        lambda song: (song.number("num_bars") or 0) >= MIN_BARS,
    ),
    Gate(
        "has only bars of the right length",
        "has bars of the wrong length",
        lambda song: song.says("is_valid"),
    ),
    Gate(
        f"shares no {COPY_NOTES} notes in a row, in any key, with a training tune",
        f"shares {COPY_NOTES} or more notes in a row with a training tune",
        lambda song: (song.number("longest_transposed_copy") or 0) < COPY_NOTES,
    ),
)
RULE = (
    f"A song earns up to 100 points: {_BAR_POINTS} for the share of bars of the right length (songs shorter "
    f"than {MIN_BARS} bars are counted as {MIN_BARS}); {_ANSWER_POINTS} for bars that answer a bar 4, 8, 12 "
    "or 16 bars earlier, in full at the corpus's own share; "
    f"{_VARIETY_POINTS} for variety, in full if {_VARIED[0]:.0%} to {_VARIED[1]:.0%} of its bars differ, "
    f"falling to 0 at {_VARIETY_TOLERANCE:.0%} outside that range; {_ENDING_POINTS} for an ending on the "
    "tonic. If listeners rated a song, their mean rating makes half of its points."
)
"""The rule in words, for the page."""


@dataclass(frozen=True)
class JudgedSong:
    """A song with its points and the gates it failed."""

    song: Song
    failed: tuple[Gate, ...]
    points: float
    parts: tuple[tuple[str, float, float], ...]
    """(what for, points, maximum)."""
    rating: float | None

    @property
    def reasons(self) -> str:
        """The points part by part, in words."""
        return ", ".join(f"{words} {points:.0f} of {maximum:.0f}" for words, points, maximum in self.parts)

    @cached_property
    def copied(self) -> CopiedPassage | None:
        """What it shares with its nearest training tune; None if they were not compared."""
        return copied_passage(self.song)


@dataclass(frozen=True, slots=True)
class Triage:
    """One class of the sampled tunes, shown by a few that a seeded draw picked."""

    name: str
    meaning: str
    count: int
    drawn: tuple[JudgedSong, ...]


def judge_songs(songs: Iterable[Song], ratings: Ratings) -> list[JudgedSong]:
    """Every song with its points: successes first, most points first, each melody once."""
    judged = [_judge(song, ratings.get(song.key)) for song in songs]
    judged.sort(key=lambda one: (bool(one.failed), -one.points, one.song.run.record.run_id, one.song.index))
    # Arms that share a training and a prompt can hold the same tune.
    first: dict[str, JudgedSong] = {}
    for one in judged:
        first.setdefault(one.song.abc.partition("\nK:")[2], one)
    return list(first.values())


def best_songs(judged: Sequence[JudgedSong], wanted: int) -> list[JudgedSong]:
    """The first successes, or else the playable songs with the most points."""
    successes = [one for one in judged if not one.failed]
    return (successes or [one for one in judged if one.song.has_notes])[:wanted]


def triage(judged: Sequence[JudgedSong], num_drawn: int, seed: int = 0) -> list[Triage]:
    """Successes, near misses (many points, yet a failed gate) and misses, with a few of each drawn."""
    near = [one for one in judged if one.failed and one.points >= _NEAR_MISS_POINTS]
    misses = [one for one in judged if one.failed and one.points < _NEAR_MISS_POINTS]
    classes = (
        ("Successes", "pass every gate", [one for one in judged if not one.failed]),
        ("Near misses", f"fail a gate but have {_NEAR_MISS_POINTS} points or more", near),
        ("Misses", f"fail a gate and have fewer than {_NEAR_MISS_POINTS} points", misses),
    )
    rng = random.Random(seed)
    return [
        Triage(name, meaning, len(ones), tuple(rng.sample(ones, min(num_drawn, len(ones)))))
        for name, meaning, ones in classes
    ]


def _judge(song: Song, rating: float | None) -> JudgedSong:
    bars = song.number("num_bars") or 0.0
    right = (song.number("num_valid_bars") or 0.0) / max(bars, MIN_BARS)
    reference = song.run.record.reference.get("structure/lag_repeat", {}).get("mean")
    answers = (song.number("lag_repeat") or 0.0) / (reference or _ENOUGH_ANSWERS)
    parts = [
        ("right bars", _BAR_POINTS * right, _BAR_POINTS),
        ("answering bars", _ANSWER_POINTS * min(answers, 1.0), _ANSWER_POINTS),
        ("different bars", _VARIETY_POINTS * _variety(song.number("distinct_bars")), _VARIETY_POINTS),
        ("ending", _ENDING_POINTS * song.says("ends_on_tonic"), _ENDING_POINTS),
    ]
    if rating is not None:
        share = (rating - _LOWEST_RATING) / (_HIGHEST_RATING - _LOWEST_RATING)
        parts = [(words, points / 2, maximum / 2) for words, points, maximum in parts]
        parts.append(("ratings", 50 * share, 50))
    failed = tuple(gate for gate in GATES if not gate.passes(song))
    return JudgedSong(song, failed, sum(points for _, points, _ in parts), tuple(parts), rating)


def _variety(share: float | None) -> float:
    if share is None:
        return 0.0
    low, high = _VARIED
    outside = max(low - share, share - high, 0.0)
    return max(0.0, 1.0 - outside / _VARIETY_TOLERANCE)
