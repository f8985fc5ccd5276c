"""What a musician would say of a single tune: does it end, does it circle, is it in time, is it at home?

A tune is *whole* if it came to its end, its bars fill the meter, and it does not run in circles. It is
*sound* if it also ends on the tonic, and *strictly sound* if every section end also fits its pickup. Nothing
is pooled over bars or notes, so an endless tune counts once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.sections import Section, ends_on_tonic, ends_that_fit, has_form, sections_of
from musicgen.notation import Bar, ParsedTune
from musicgen.notation.key import PITCH_CLASS_NAMES
from musicgen.notation.tokens import TOKEN

MAX_LOOP_BARS = 16
MIN_LOOP_STATEMENTS = 4
SOUND, NO_MUSIC, CUT_OFF, CIRCLES, WRONG_BARS, OFF_TONIC = (
    "sound",
    "without music",
    "cut off",
    "in circles",
    "with wrong bars",
    "ending off the tonic",
)
"""What a tune can be, the gravest fault first."""
_UNFINISHED = frozenset({"stray", "tuplet", "broken", "grace", "tie"})
"""Tokens that need another one after them."""
_MAX_NAMED_BARS = 3
# How well each pitch class above the tonic fits a major and a minor key: Krumhansl and Kessler, Tracing the
# Dynamic Changes in Perceived Tonal Organization, 1982.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_CENTRED = np.array([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)])
_CENTRED -= _CENTRED.mean(axis=1, keepdims=True)
_PROFILES = _CENTRED / np.linalg.norm(_CENTRED, axis=1, keepdims=True)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Loop:
    """A period of bars that is stated again and again."""

    first_bar: int
    """Number of its first bar in the tune, from 1."""
    num_bars: int
    num_statements: int


@dataclass(frozen=True, eq=False)
class Judgement:
    """The facts about one tune, and what is wrong with it in words."""

    tune: ParsedTune
    reached_end: bool
    """False if sampling stopped at the cap on characters."""

    @cached_property
    def is_ended(self) -> bool:
        """Whether it came to its end, and not in the middle of a bar or a token."""
        return self.reached_end and bool(self.tune.bars) and not is_cut_off(self.tune)

    @cached_property
    def loop(self) -> Loop | None:
        """The first period that is stated too often in a row; None without one."""
        return find_loop([bar.text for bar in self.tune.bars])

    @cached_property
    def wrong_bars(self) -> tuple[int, ...]:
        """Numbers of the bars that do not fill the meter where they should, from 1, pickups included."""
        is_free = (self.tune.header("M") or "").strip() == "none"
        return tuple(
            number
            for number, bar in enumerate(self.tune.bars, 1)
            if not bar.is_valid or (bar.meter is None and not is_free)
        )

    @cached_property
    def ends_on_tonic(self) -> bool:
        """Whether the last note is the tonic of the K: in force there; False without notes."""
        last = _last_bar_with_notes(self.tune)
        return last is not None and ends_on_tonic(last)

    @property
    def has_notes(self) -> bool:
        """Whether any bar has a note."""
        return _last_bar_with_notes(self.tune) is not None

    @property
    def is_whole(self) -> bool:
        """Whether it has notes, ends, has only right bars and does not circle."""
        return self.has_notes and self.is_ended and not self.wrong_bars and self.loop is None

    @property
    def is_sound(self) -> bool:
        """Whether it is whole and its last note is the tonic."""
        return self.is_whole and self.ends_on_tonic

    @property
    def is_strictly_sound(self) -> bool:
        """Whether it is sound and each section's end fits the next pickup."""
        return self.is_sound and all(self.section_ends_that_fit)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The sections between repeat signs and double bars."""
        return sections_of(self.tune.bars)

    @cached_property
    def section_ends_that_fit(self) -> tuple[bool, ...]:
        """For each section, whether its last bar is full or short by the pickup that follows."""
        return ends_that_fit(self.sections)

    @property
    def section_tonic_endings(self) -> float | None:
        """The share of sections that end on the tonic; None without a section."""
        return share(section.ends_on_tonic for section in self.sections)

    @property
    def has_form(self) -> bool:
        """Whether it has two sections or more, each of 8 or 16 bars."""
        return has_form(self.sections)

    @property
    def has_long_last_note(self) -> bool:
        """Whether its last note is longer than its average note; False without notes."""
        durations = [note.duration for bar in self.tune.bars for note in bar.notes]
        return bool(durations) and durations[-1] * len(durations) > sum(durations)

    @cached_property
    def rhythms(self) -> list[tuple[float, ...]]:
        """The durations of each bar with notes, in whole notes."""
        # Floats are compared and hashed ten times faster than fractions.
        return [tuple(float(note.duration) for note in bar.notes) for bar in self.tune.bars if bar.notes]

    @cached_property
    def downbeat_triad(self) -> float | None:
        """Share of full bars whose first note is the 1st, 3rd or 5th of the key; None without such a bar."""
        return share(
            bar.notes[0].pitch % 12 in bar.key.triad
            for bar in self.tune.bars
            if bar.notes and bar.duration == bar.meter
        )

    @cached_property
    def is_in_its_key(self) -> bool | None:
        """Whether the tonic of the key that fits best is that of K:; None without notes."""
        return int(np.argmax(self.key_fits)) % 12 == self.tune.tonic if self.has_notes else None

    @cached_property
    def key_fits(self) -> NDArray[np.float64]:
        """How well each of 24 keys explains the notes, shape (24,): major from C upwards, then minor.

        The correlation of a key's profile with the time that each pitch class sounds. The profiles know major
        and minor only, so modes are not told apart. Source: Krumhansl, Cognitive Foundations of Musical
        Pitch, 1990, chapter 4.
        """
        time = [0.0] * 12
        for bar, rhythm in zip((bar for bar in self.tune.bars if bar.notes), self.rhythms, strict=True):
            for note, duration in zip(bar.notes, rhythm, strict=True):
                time[note.pitch % 12] += duration
        centred = np.array(time) - sum(time) / 12
        return _PROFILES @ centred / max(float(np.linalg.norm(centred)), _TINY)

    @cached_property
    def commonest_rhythm(self) -> float | None:
        """The share of the commonest rhythm among the bars with notes; None without such a bar."""
        counts = Counter(self.rhythms)
        return max(counts.values()) / counts.total() if counts else None

    @property
    def words(self) -> str:
        """All that is wrong with it in one line, or "sound"."""
        return "; ".join(self.faults.values()) or SOUND

    @cached_property
    def faults(self) -> dict[str, str]:
        """What keeps it from being sound: kind -> in words, the gravest first; {} for a sound tune."""
        last = _last_bar_with_notes(self.tune)
        if last is None:
            return {NO_MUSIC: "has no music"}
        faults = {}
        if not self.is_ended:
            faults[CUT_OFF] = CUT_OFF
        if self.loop is not None:
            bars = "1 bar" if self.loop.num_bars == 1 else f"{self.loop.num_bars} bars"
            faults[CIRCLES] = (
                f"runs in circles: a period of {bars} {self.loop.num_statements} times, "
                f"from bar {self.loop.first_bar}"
            )
        if self.wrong_bars:
            faults[WRONG_BARS] = _describe_bars(self.tune, self.wrong_bars)
        # The last note before a cut is not an ending.
        if self.is_ended and not self.ends_on_tonic:
            note, tonic = last.notes[-1].pitch % 12, last.key.tonic
            faults[OFF_TONIC] = (
                f"ends on {PITCH_CLASS_NAMES[note]}, not on the tonic {PITCH_CLASS_NAMES[tonic]}"
            )
        return faults


def count_faults(judgements: Sequence[Judgement]) -> dict[str, int]:
    """How many tunes are sound, and how many have each kind of fault as their gravest; no zeros."""
    counts = Counter(next(iter(judgement.faults), SOUND) for judgement in judgements)
    kinds = (SOUND, NO_MUSIC, CUT_OFF, CIRCLES, WRONG_BARS, OFF_TONIC)
    return {kind: counts[kind] for kind in kinds if counts[kind]}


def is_cut_off(tune: ParsedTune) -> bool:
    """Whether the text stops in a bar that is neither full nor closed by a bar line, or inside a token."""
    if not tune.bars:
        return True
    last = tune.bars[-1]
    is_open = not last.line and last.meter is not None and last.duration < last.meter
    return is_open or _ends_inside_token(tune.body)


def find_loop(bars: Sequence[str]) -> Loop | None:
    """The first period of 1 to 16 bars that is stated four times in a row or more, the shortest if several.

    bars: the text of each; only equal texts are the same bar.
    """
    for period in range(1, MAX_LOOP_BARS + 1):
        run = 0
        for place in range(period, len(bars) + 1):
            if place < len(bars) and bars[place] == bars[place - period]:
                run += 1
                continue
            if run >= (MIN_LOOP_STATEMENTS - 1) * period:
                return Loop(place - run - period + 1, period, run // period + 1)
            run = 0
    return None


def share(hits: Iterable[bool]) -> float | None:
    """The share of hits; None if there is nothing to count."""
    known = list(hits)
    return sum(known) / len(known) if known else None


def _last_bar_with_notes(tune: ParsedTune) -> Bar | None:
    return next((bar for bar in reversed(tune.bars) if bar.notes), None)


def _ends_inside_token(body: str) -> bool:
    last_line = body.rstrip().rpartition("\n")[2]
    tokens = [match for match in TOKEN.finditer(last_line) if match.lastgroup != "space"]
    return bool(tokens) and (tokens[-1].lastgroup in _UNFINISHED or tokens[-1][0] == "(")


def _describe_bars(tune: ParsedTune, numbers: Sequence[int]) -> str:
    """What is wrong with these bars, such as "bar 7 is too short"; the first three and how many more."""
    words = []
    for number in numbers[:_MAX_NAMED_BARS]:
        bar = tune.bars[number - 1]
        fault = (
            "has no meter"
            if bar.meter is None
            else "is too short"
            if bar.duration < bar.meter
            else "is too long"
        )
        words.append(f"bar {number} {fault}")
    if len(numbers) > _MAX_NAMED_BARS:
        words.append(f"{len(numbers) - _MAX_NAMED_BARS} more bars are wrong")
    return ", ".join(words)
