"""Turns note, rest and chord tokens into pitches and durations.

Durations are exact fractions of a whole note. An accidental applies to its letter in every octave until the
end of the bar; a tie carries it over the bar line to the tied note only. A chord has the pitch of its top
note and the duration of its first.
Source: the ABC standard 2.1, sections 4.2 to 4.17.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from musicgen.notation.key import Key
from musicgen.notation.problems import Problems, quote
from musicgen.notation.tokens import (
    SpelledNote,
    notes_within,
    read_length,
    read_note,
    read_tuplet,
    split_chord,
)

_MAX_BROKEN_SIGNS = 3
_MAX_PLAIN_SOUNDS = 4096
"""Notes that are remembered in a key; real tunes have a few hundred."""
_BROKEN = {
    sign * number: factors if sign == "<" else factors[::-1]
    for number in range(1, _MAX_BROKEN_SIGNS + 1)
    for factors in [(Fraction(1, 2**number), 2 - Fraction(1, 2**number))]
    for sign in "<>"
}
"""Broken rhythm -> the factors on the durations of the sounds before and after it."""


@dataclass(slots=True)
class Sound:
    """A note or rest. A `>`, `<` or tie after it may still change it."""

    pitch: int | None
    """MIDI number; None for a rest."""
    duration: Fraction
    tied: bool = False


class SoundReader:
    """Reads the tokens of one voice in order. Durations are in whole notes, pitches are MIDI numbers."""

    def __init__(self, key: Key, unit: Fraction, is_compound: bool, problems: Problems) -> None:
        """unit: the unit note length in whole notes; is_compound: whether the meter is."""
        self.is_compound = is_compound
        self._problems = problems
        self._last: Sound | None = None
        self._last_natural_pitch: int | None = None
        self._tie_from: Sound | None = None
        self._broken: Fraction | None = None
        self._tuplet_left = 0
        self._tuplet_factor = Fraction(1)
        self._plain: dict[str, Sound] | None = None
        self.change_key(key)
        self.change_unit(unit)

    def change_key(self, key: Key) -> None:
        """Change the key; the accidentals of the bar end."""
        self._key = key
        self._signature = dict(key.alterations)
        self._accidentals: dict[str, int] = {}
        self._plain = None

    def change_unit(self, unit: Fraction) -> None:
        """Change the unit note length, in whole notes."""
        self._unit = unit
        self._unit_numerator, self._unit_denominator = unit.numerator, unit.denominator
        self._plain = None

    def end_bar(self) -> None:
        """Forget the accidentals of the bar."""
        self._accidentals.clear()

    def note(self, text: str) -> Sound:
        """The sound of a note token."""
        written = read_note(text, self._unit_numerator, self._unit_denominator)
        return self._sound(self._pitch(written), written.duration, written.natural_pitch)

    @property
    def is_plain(self) -> bool:
        """Whether the next note follows from its letter, key and unit alone, unless it has an accidental."""
        return not (self._accidentals or self._tuplet_left or self._broken or self._tie_from)

    def plain_notes(self, texts: Sequence[str]) -> list[Sound]:
        """What `note` returns for each of these tokens without accidentals, while `is_plain`.

        Equal tokens share a sound, except the last one, which may still change.
        """
        if self._plain is None:
            self._plain = _plain_sounds(self._key, self._unit_numerator, self._unit_denominator)
        known = self._plain
        if len(known) > _MAX_PLAIN_SOUNDS:
            known.clear()
        for text in texts:
            if text not in known:
                written = read_note(text, self._unit_numerator, self._unit_denominator)
                known[text] = Sound(self._pitch(written), written.duration)
        sounds = [known[text] for text in texts]
        last = sounds[-1]
        self._last = sounds[-1] = Sound(last.pitch, last.duration)
        self._last_natural_pitch = read_note(
            texts[-1], self._unit_numerator, self._unit_denominator
        ).natural_pitch
        return sounds

    def rest(self, text: str) -> Sound:
        """The silence of a rest token."""
        length, problem = read_length(text[1:])
        self._problems.add(problem)
        return self._sound(None, length * self._unit, None)

    def chord(self, text: str) -> Sound | None:
        """The top note of a `chord` token with the duration of its first; None if it contains no note."""
        inner, number = split_chord(text)
        top: tuple[int, int, bool] | None = None
        duration = Fraction(0)
        for match in notes_within(inner):
            written = read_note(match[0], self._unit_numerator, self._unit_denominator)
            pitch = self._pitch(written)
            if top is None:
                duration = written.duration
            if top is None or pitch > top[0]:
                top = (pitch, written.natural_pitch, inner.startswith("-", match.end()))
        if top is None:
            self._problems.add(f"chord {quote(text)} contains no note")
            return None
        length, problem = read_length(number)
        self._problems.add(problem)
        pitch, natural_pitch, is_tied = top
        sound = self._sound(pitch, duration * length, natural_pitch)
        if is_tied:
            self.tie()
        return sound

    def tie(self) -> None:
        """Tie the last note to the next; has no effect if their pitches differ."""
        if self._last is not None and self._last.pitch is not None:
            self._tie_from = self._last

    def broken(self, text: str) -> None:
        """Lengthen the last sound and shorten the next (`>`), or the reverse (`<`)."""
        if self._last is None or self._broken is not None or len(text) > _MAX_BROKEN_SIGNS:
            self._problems.add(f"broken rhythm {quote(text)} is misplaced or too long")
            return
        first, self._broken = _BROKEN[text]
        self._last.duration = _product(self._last.duration, first)

    def tuplet(self, text: str) -> None:
        """Apply a `tuplet` token to the next notes; replaces a tuplet that is still open."""
        tuplet = read_tuplet(text, self.is_compound)
        if tuplet is None:
            self._problems.add(f"invalid tuplet {quote(text)}")
            return
        self._tuplet_left, self._tuplet_factor = tuplet

    def _pitch(self, written: SpelledNote) -> int:
        """The MIDI number of a note, given the key signature, the bar's accidentals and a tie before it."""
        if written.problem is not None:
            self._problems.add(written.problem)
        if written.alteration is not None:
            alteration = self._accidentals[written.letter] = written.alteration
        elif self._tie_from is not None and written.natural_pitch == self._last_natural_pitch:
            assert self._tie_from.pitch is not None
            return self._tie_from.pitch
        else:
            alteration = self._accidentals.get(written.letter, self._signature[written.letter])
        pitch = written.natural_pitch + alteration + self._key.shift
        if not 0 <= pitch <= 127:
            self._problems.add(f"note out of MIDI range: {pitch}")
            pitch = min(max(pitch, 0), 127)
        return pitch

    def _sound(self, pitch: int | None, duration: Fraction, natural_pitch: int | None) -> Sound:
        """The next sound, with tuplet and broken rhythm applied and the tie before it resolved."""
        if self._tuplet_left:
            duration = _product(duration, self._tuplet_factor)
            self._tuplet_left -= 1
        if self._broken is not None:
            duration = _product(duration, self._broken)
            self._broken = None
        if self._tie_from is not None:
            self._tie_from.tied = pitch == self._tie_from.pitch
            self._tie_from = None
        self._last = Sound(pitch, duration)
        self._last_natural_pitch = natural_pitch
        return self._last


@lru_cache(maxsize=256)
def _plain_sounds(key: Key, unit_numerator: int, unit_denominator: int) -> dict[str, Sound]:
    """The sounds of `plain_notes` so far in this key, with this unit: tunes repeat the same ones."""
    return {}


def _product(one: Fraction, other: Fraction) -> Fraction:
    return _fraction_product(one.numerator, one.denominator, other.numerator, other.denominator)


# Tunes use few distinct durations, and multiplying Fractions is slow. So is hashing them.
@lru_cache(maxsize=8192)
def _fraction_product(over: int, under: int, other_over: int, other_under: int) -> Fraction:
    return Fraction(over * other_over, under * other_under)
