"""What a player can choose: headers that the training tunes have, ranges, and notes on a keyboard."""

from collections.abc import Mapping

from musicgen.corpus.headers import HeaderFields
from musicgen.notation.key import read_key
from musicgen.notation.written_pitch import written_pitch
from musicgen.sampling.pitch_range import INSTRUMENTS
from musicgen.sampling.prompts import WISHES

KEYBOARD = range(60, 85)
"""MIDI numbers from middle C to the C two octaves above it."""


def choices_of(fields: HeaderFields) -> dict[str, list[str]]:
    """Setting -> its values, commonest first."""
    known = {name: list(fields.values.get(letter, {})) for name, letter in WISHES.items()}
    return {**known, "range": list(INSTRUMENTS)}


def keyboards_of(fields: HeaderFields) -> Mapping[str, list[tuple[str, str]]]:
    """Key -> for each pitch of KEYBOARD, its note as written, and the same with an accidental."""
    return {
        value: [written_pitch(pitch, read_key(value)[0]) for pitch in KEYBOARD]
        for value in [*fields.values.get("K", {}), commonest_key(fields)]
    }


def commonest_key(fields: HeaderFields) -> str:
    """The key of a phrase that names none."""
    return next(iter(fields.values.get("K", {})), "C")
