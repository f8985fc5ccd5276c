"""Which of the sampled tunes are best, by a rule that anybody can check; and a draw of good and bad ones.

A tune must pass every gate to be a success, and successes come in the order of their points. The rule reads
what was measured of each tune. It has not heard it: where listeners rated tunes, their ratings count half.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from musicgen.metrics.originality import COPY_NOTES
from musicgen.records.sampled_tunes import Song
from musicgen.reporting.shared import SharedRun, shared_run

FEWEST_BARS = 8
"""A tune of two right bars is no tune."""
_BAR_POINTS, _ANSWER_POINTS, _VARIETY_POINTS, _ENDING_POINTS = 40, 25, 20, 15
_ENOUGH_ANSWERS = 0.17
_VARIED = (0.5, 0.9)
"""Where the corpus of a run has no figures: about those of O'Neill's tunes."""
_VARIETY_ROOM = 0.25
_NEAR = 50
_LOWEST_RATING, _HIGHEST_RATING = 1.0, 5.0

Ratings = Mapping[tuple[str, int], float]
"""Run identity and index of a tune -> mean of its ratings, from 1 to 5."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that a song must be."""

    words: str
    """How it continues "a song ..."."""
    failure: str
    passes: Callable[[Song], bool]


GATES = (
    Gate("has a key, a body and an end of its own", "is not complete", lambda song: song.says("is_complete")),
    Gate(
        f"has at least {FEWEST_BARS} bars",
        f"has fewer than {FEWEST_BARS} bars",
        lambda song: (song.number("num_bars") or 0) >= FEWEST_BARS,
    ),
    Gate(
        "has the right length in every bar", "has bars of a wrong length", lambda song: song.says("is_valid")
    ),
    Gate(
        f"shares no run of {COPY_NOTES} notes, in any key, with a training tune",
        f"shares {COPY_NOTES} or more notes in a row with a training tune",
        lambda song: (song.number("longest_transposed_copy") or 0) < COPY_NOTES,
    ),
)
RULE = (
    f"Points, of 100: {_BAR_POINTS} for the share of bars of the right length, where fewer than "
    f"{FEWEST_BARS} bars count as {FEWEST_BARS}; {_ANSWER_POINTS} for bars that answer an earlier one 4, 8, "
    "12 or 16 bars before, in full from the corpus's own share on; "
    f"{_VARIETY_POINTS} for different bars, in full where between {_VARIED[0]:.0%} and {_VARIED[1]:.0%} of "
    f"them differ and none when {_VARIETY_ROOM:.0%} beyond; {_ENDING_POINTS} for an ending on the tonic. "
    "Where listeners rated a song, the mean of their ratings makes half of its points."
)
"""In words, for the page."""


@dataclass(frozen=True)
class Judged:
    """A song, what it failed and its points."""

    song: Song
    failed: tuple[Gate, ...]
    points: float
    parts: tuple[tuple[str, float, float], ...]
    """(what for, points, points at most)."""
    rating: float | None

    @property
    def reasons(self) -> str:
        """The points part by part, in words."""
        return ", ".join(f"{words} {points:.0f} of {most:.0f}" for words, points, most in self.parts)

    @cached_property
    def shared(self) -> SharedRun | None:
        """What it shares with its nearest training tune; None where they were not compared."""
        return shared_run(self.song)


@dataclass(frozen=True, slots=True)
class Triage:
    """What a share of all sampled tunes is like, by songs that a seeded draw took."""

    name: str
    meaning: str
    count: int
    drawn: tuple[Judged, ...]


def judge(songs: Iterable[Song], ratings: Ratings) -> list[Judged]:
    """Every song with its points; successes first, the most points first, each melody once."""
    judged = [_judge(song, ratings.get(song.key)) for song in songs]
    judged.sort(key=lambda one: (bool(one.failed), -one.points, one.song.run.record.run_id, one.song.index))
    seen: set[str] = set()
    kept = []
    for one in judged:
        # Arms that share a training and a prompt can hold the same tune.
        body = one.song.abc.partition("\nK:")[2]
        if body not in seen:
            kept.append(one)
        seen.add(body)
    return kept


def best_songs(judged: Sequence[Judged], wanted: int) -> list[Judged]:
    """The first successes; where there is none, the songs with the most points that can be played."""
    successes = [one for one in judged if not one.failed]
    return (successes or [one for one in judged if one.song.has_notes])[:wanted]


def triage(judged: Sequence[Judged], drawn: int, seed: int = 0) -> list[Triage]:
    """Successes, near misses (a gate failed, yet many points) and misses, a few of each drawn by the seed."""
    kinds = (
        ("Successes", "pass every gate", [one for one in judged if not one.failed]),
        (
            "Near misses",
            f"fail a gate, with {_NEAR} points or more",
            [one for one in judged if one.failed and one.points >= _NEAR],
        ),
        (
            "Misses",
            f"fail a gate, with fewer than {_NEAR} points",
            [one for one in judged if one.failed and one.points < _NEAR],
        ),
    )
    chance = random.Random(seed)
    return [
        Triage(name, meaning, len(ones), tuple(chance.sample(ones, min(drawn, len(ones)))))
        for name, meaning, ones in kinds
    ]


def _judge(song: Song, rating: float | None) -> Judged:
    bars = song.number("num_bars") or 0.0
    right = (song.number("num_valid_bars") or 0.0) / max(bars, FEWEST_BARS)
    answers = (song.number("lag_repeat") or 0.0) / _reference(song, "structure/lag_repeat", _ENOUGH_ANSWERS)
    parts = [
        ("right bars", _BAR_POINTS * right, _BAR_POINTS),
        ("answering bars", _ANSWER_POINTS * min(answers, 1.0), _ANSWER_POINTS),
        ("different bars", _VARIETY_POINTS * _variety(song.number("distinct_bars")), _VARIETY_POINTS),
        ("ending", _ENDING_POINTS * song.says("ends_on_tonic"), _ENDING_POINTS),
    ]
    if rating is not None:
        share = (rating - _LOWEST_RATING) / (_HIGHEST_RATING - _LOWEST_RATING)
        parts = [(words, points / 2, most / 2) for words, points, most in parts]
        parts.append(("ratings", 50 * share, 50))
    failed = tuple(gate for gate in GATES if not gate.passes(song))
    return Judged(song, failed, sum(points for _, points, _ in parts), tuple(parts), rating)


def _reference(song: Song, metric: str, otherwise: float) -> float:
    found = song.run.record.reference.get(metric, {}).get("mean")
    return found if found else otherwise


def _variety(share: float | None) -> float:
    if share is None:
        return 0.0
    low, high = _VARIED
    beyond = max(low - share, share - high, 0.0)
    return max(0.0, 1.0 - beyond / _VARIETY_ROOM)
