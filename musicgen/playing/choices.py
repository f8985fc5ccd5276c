"""What a player can choose: headers that the training tunes have, ranges, and notes on a keyboard."""

from collections.abc import Mapping

from musicgen.corpus.headers import HeaderFields
from musicgen.notation.headers import split_header
from musicgen.notation.key import read_key
from musicgen.notation.written_pitch import written_pitch
from musicgen.sampling.pitch_range import INSTRUMENTS
from musicgen.sampling.prompts import WISHES

KEYBOARD = range(60, 85)
"""MIDI numbers from middle C to the C two octaves above it."""


def choices_of(fields: HeaderFields) -> dict[str, list[str]]:
    """Setting -> its values, commonest first."""
    known = {name: fields.spellings(letter) for name, letter in WISHES.items()}
    return {**known, "range": list(INSTRUMENTS)}


def as_listed(wishes: Mapping[str, str | None], fields: HeaderFields) -> dict[str, str | None]:
    """Wishes for key, meter and rhythm, spelled as in the choices."""
    return {name: wish and (fields.spelling(WISHES[name], wish) or wish) for name, wish in wishes.items()}


def fixed_by(prompt: str) -> dict[str, str]:
    """Setting -> its value in the complete header lines of a prompt."""
    header, _, _ = split_header(prompt[: prompt.rfind("\n") + 1])
    values = dict(header)
    return {name: values[letter] for name, letter in WISHES.items() if values.get(letter)}


def keyboards_of(fields: HeaderFields) -> Mapping[str, list[tuple[str, str]]]:
    """Key -> for each pitch of KEYBOARD, its note as written, and the same with an accidental."""
    return {
        value: [written_pitch(pitch, read_key(value)[0]) for pitch in KEYBOARD]
        for value in [*fields.spellings("K"), commonest_key(fields)]
    }


def commonest_key(fields: HeaderFields) -> str:
    """The key of a phrase that names none."""
    return next(iter(fields.spellings("K")), "C")
