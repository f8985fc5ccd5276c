"""Which sampled tunes are best, by a rule that anybody can check, and a random draw of good and bad ones.

Only sound tunes can be among the best. Their order follows what a musician would ask of a tune, one question
after the other; what listeners said of a tune comes before all questions.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from musicgen.metrics.originality import COPY_NOTES, is_copy
from musicgen.records.copied_passages import CopiedPassage, copied_passage
from musicgen.records.sampled_tunes import Song

MAX_PER_ARM = 2
_USUAL_REPEATS = 0.17
"""O'Neill's share of bars that repeat an earlier one, for runs without corpus figures."""
_UNRATED = 3.0
"""The middle of the scale from 1 to 5."""

Ratings = Mapping[tuple[str, int], float]
"""Run identity and index of a tune -> its mean rating, from 1 to 5."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A question to a sound tune."""

    words: str
    """Completes "a tune that ..."."""
    met: str
    missed: str
    holds: Callable[[Song], bool]


CRITERIA = (
    Criterion(
        f"shares no {COPY_NOTES} notes in a row, in any key, with a training tune",
        "not copied",
        f"copies {COPY_NOTES} notes or more",
        lambda song: not is_copy(song.number("longest_transposed_copy") or 0),
    ),
    Criterion(
        "has form (two sections or more, each of 8 or 16 bars)",
        "form",
        "no form",
        lambda song: song.fact("has_form"),
    ),
    Criterion(
        "ends each section with a full bar, or one that is short by exactly the pickup that follows",
        "section ends fit",
        "section ends do not fit",
        lambda song: song.fact("is_strictly_sound"),
    ),
    Criterion(
        "ends on a note longer than its average note",
        "long last note",
        "short last note",
        lambda song: song.fact("has_long_last_note"),
    ),
)
SOUND_MEANS = (
    "Only sound tunes are listed: they come to their end, every bar has the right length, nothing is stated "
    "four times in a row, and the last note is the tonic."
)
"""What every listed song has, for the page."""
RULE = (
    f"If several configurations are compared, each has at most {MAX_PER_ARM} songs in the list. First comes "
    f"a tune that {'; then one that '.join(criterion.words for criterion in CRITERIA)}; then the one whose "
    "share of bars equal to the bar 4, 8, 12 or 16 before is nearest to that of real tunes. If listeners "
    f"rated tunes, their mean ratings come first, and an unrated tune counts as {_UNRATED:.0f} of 5."
)
"""The order in words, for the page."""


@dataclass(frozen=True)
class JudgedSong:
    """A song and what a musician would say of it."""

    song: Song
    rating: float | None

    @cached_property
    def is_sound(self) -> bool:
        """Whether it is sound, according to tunes.csv."""
        return self.song.fact("is_sound")

    @cached_property
    def answers(self) -> tuple[bool, ...]:
        """Which criteria it meets."""
        return tuple(criterion.holds(self.song) for criterion in CRITERIA)

    @property
    def marks(self) -> str:
        """Which criteria it meets and which not, in words."""
        words = [
            criterion.met if holds else criterion.missed
            for criterion, holds in zip(CRITERIA, self.answers, strict=True)
        ]
        words.append(f"{self._repeats:.2f} of its bars repeat (real tunes {self._usual_repeats:.2f})")
        return ", ".join(words)

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts the best first."""
        record = self.song.run.record
        return (
            not self.is_sound,
            -(self.rating or _UNRATED),
            *(not holds for holds in self.answers),
            abs(self._repeats - self._usual_repeats),
            record.run_id,
            self.song.index,
        )

    @cached_property
    def copied(self) -> CopiedPassage | None:
        """What it shares with its nearest training tune; None if they were not compared."""
        return copied_passage(self.song)

    @property
    def _repeats(self) -> float:
        return self.song.number("lag_repeat") or 0.0

    @property
    def _usual_repeats(self) -> float:
        return self.song.run.record.reference.get("structure/lag_repeat", {}).get("mean", _USUAL_REPEATS)


@dataclass(frozen=True, slots=True)
class Triage:
    """One class of the sampled tunes, shown by a few that a seeded draw picked."""

    name: str
    meaning: str
    count: int
    drawn: tuple[JudgedSong, ...]


def judge_songs(songs: Iterable[Song], ratings: Ratings) -> list[JudgedSong]:
    """Every song, the best first, each melody once."""
    judged = sorted(
        (JudgedSong(song, ratings.get(song.key)) for song in songs), key=lambda judged: judged.order
    )
    # Arms that share a training and a prompt can hold the same tune.
    first: dict[str, JudgedSong] = {}
    for one in judged:
        first.setdefault(one.song.abc.partition("\nK:")[2], one)
    return list(first.values())


def best_songs(judged: Sequence[JudgedSong], wanted: int, arm_of: Callable[[Song], str]) -> list[JudgedSong]:
    """The first sound tunes that their runs kept, at most two from each arm if there are several."""
    arms = [arm_of(one.song) for one in judged]
    most = MAX_PER_ARM if len(set(arms)) > 1 else wanted
    counts: Counter[str] = Counter()
    best = []
    for one, arm in zip(judged, arms, strict=True):
        if one.is_sound and one.song.is_kept and counts[arm] < most:
            counts[arm] += 1
            best.append(one)
    return best[:wanted]


def triage(judged: Sequence[JudgedSong], num_drawn: int, seed: int = 0) -> list[Triage]:
    """Sound tunes, tunes that only end off their tonic, and the rest, with a few of each drawn."""
    others = [one for one in judged if not one.is_sound]
    classes = (
        ("Successes", "sound", [one for one in judged if one.is_sound]),
        (
            "Near misses",
            "sound but for a last note that is not the tonic",
            [one for one in others if one.song.fact("is_whole")],
        ),
        (
            "Misses",
            "cut off, in circles, or with wrong bars",
            [one for one in others if not one.song.fact("is_whole")],
        ),
    )
    rng = random.Random(seed)
    return [
        Triage(name, meaning, len(ones), tuple(rng.sample(ones, min(num_drawn, len(ones)))))
        for name, meaning, ones in classes
    ]
