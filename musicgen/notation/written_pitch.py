"""How a pitch is written in a key: `F` for F sharp in D major, `^F` in C major."""

from musicgen.notation.key import ALTERATION, PITCH_CLASS, Key

_SIGNS = {semitones: sign for sign, semitones in ALTERATION.items()}
_MIDDLE_C = 60


def written_pitch(pitch: int, key: Key) -> tuple[str, str]:
    """The note of a MIDI number in ABC, and the same with an accidental.

    The second one is for a bar in which an accidental has changed the letter. A pitch outside of the key has
    an accidental in both, a flat in a key of flats.
    """
    alterations = dict(key.alterations)
    in_key = [letter for letter, natural in PITCH_CLASS.items() if _is(pitch, natural + alterations[letter])]
    if in_key:
        letter = in_key[0]
        note = _name(letter, pitch - alterations[letter])
        return note, _SIGNS[alterations[letter]] + note
    for alteration in (0, -1 if sum(alterations.values()) < 0 else 1):
        for letter, natural in PITCH_CLASS.items():
            if _is(pitch, natural + alteration):
                note = _SIGNS[alteration] + _name(letter, pitch - alteration)
                return note, note
    raise AssertionError("a pitch is a letter, or a semitone above one")


def _is(pitch: int, pitch_class: int) -> bool:
    return (pitch - pitch_class) % 12 == 0


def _name(letter: str, natural_pitch: int) -> str:
    octave = (natural_pitch - _MIDDLE_C) // 12
    return letter + "," * -octave if octave < 1 else letter.lower() + "'" * (octave - 1)
