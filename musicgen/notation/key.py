"""K: the tonic, and the alteration of each letter by the key signature.

Sharps and flats follow the circle of fifths F C G D A E B. A major key whose tonic is n fifths above C has n
sharps, and each mode shifts that number by a constant (Dorian: two flats more).
Source: the ABC standard 2.1, sections 3.1.14 and 4.6.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from musicgen.notation.problems import quote

PITCH_CLASS = MappingProxyType({"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11})
PITCH_CLASS_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
ALTERATION = MappingProxyType({"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2})
_FIFTHS = "FCGDAEB"
_FIFTHS_ABOVE_MAJOR = MappingProxyType(
    {"maj": 0, "ion": 0, "lyd": 1, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "m": -3, "phr": -4, "loc": -5}
)
_TONIC = re.compile(r"([A-G])([#b]?)([A-Za-z]*)((?:(?:\^\^|\^|__|_|=)[A-Ga-g])*)$")
_ACCIDENTALS = re.compile(r"(?:(?:\^\^|\^|__|_|=)[A-Ga-g])+$")
_ACCIDENTAL = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
_SETTING = re.compile(r"(clef|middle|m|stafflines|staffscale|style|score|sound|shift|name|nm|snm|cue)=.*$")
_MOVE = re.compile(r"(octave|transpose)=([+-]?[0-9]{1,2})$")
_CLEF = re.compile(r"(?:clef=)?(?:treble|bass|alto|tenor|perc|none|[GCF])[1-5]?([+-]8)?$")


@dataclass(frozen=True, slots=True)
class Key:
    """The effect of a K: field on pitches."""

    tonic: int
    """Pitch class; 0 is C."""
    alterations: tuple[tuple[str, int], ...]
    """(capital letter, semitones up) of all seven letters."""
    shift: int = 0
    """Semitones added to every note by octave=, transpose= or a clef such as treble-8."""

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes of the seven letters; 0 is C."""
        return frozenset((PITCH_CLASS[letter] + alteration) % 12 for letter, alteration in self.alterations)

    @property
    def triad(self) -> tuple[int, int, int]:
        """Pitch classes of the tonic, and of the third and fifth above it in the key's scale."""
        degrees = {(pitch_class - self.tonic) % 12 for pitch_class in self.scale}
        third = 3 if 3 in degrees and 4 not in degrees else 4
        fifth = 6 if 6 in degrees and 7 not in degrees else 7
        return self.tonic, (self.tonic + third) % 12, (self.tonic + fifth) % 12


def signature(fifths: int) -> tuple[tuple[str, int], ...]:
    """Each letter's alteration in the signature with this number of sharps (flats if negative)."""
    return tuple((letter, (fifths + 6 - place) // 7) for place, letter in enumerate(_FIFTHS))


NO_KEY = Key(0, signature(0))
_PIPES = Key(9, signature(2))


# The tunes of a corpus have few different keys.
@lru_cache(maxsize=1024)
def read_key(value: str, previous: Key = NO_KEY) -> tuple[Key, str | None]:
    """The key of a K: value, and a problem if part of the value is unknown.

    Accepts a tonic with any mode (`Ador`, `A Dorian`, `F#m`, `Bb`), the bagpipe keys `HP` and `Hp`, `none`
    and the empty value, explicit accidentals (`D =c`, `D exp ^f`), clefs, octave= and transpose=. A value
    that names no key keeps `previous`.
    """
    words = value.split()[:32]
    key, words, problem = _read_tonic(words, previous)
    alterations = dict(key.alterations)
    shift = key.shift
    for word in words:
        if word.lower() == "exp":
            alterations = dict(signature(0))
        elif _ACCIDENTALS.match(word):
            for sign, letter in _ACCIDENTAL.findall(word):
                alterations[letter.upper()] = ALTERATION[sign]
        elif move := _MOVE.match(word):
            shift += int(move[2]) * (12 if move[1] == "octave" else 1)
        elif clef := _CLEF.match(word):
            shift += {"+8": 12, "-8": -12}.get(clef[1], 0)
        elif not _SETTING.match(word):
            problem = problem or f"K: unknown word {quote(word)}"
    return Key(key.tonic, tuple(alterations.items()), shift), problem


def _read_tonic(words: list[str], previous: Key) -> tuple[Key, list[str], str | None]:
    """The key named by the first words, the remaining words, and a problem."""
    if not words or words[0].lower() == "none":
        return NO_KEY, words[1:], None
    if words[0] in ("HP", "Hp"):
        return _PIPES, words[1:], None
    if _ACCIDENTALS.match(words[0]):
        return NO_KEY, words, None
    match = _TONIC.match(words[0])
    if match is None:
        is_setting = any(pattern.match(words[0]) for pattern in (_CLEF, _MOVE, _SETTING))
        if is_setting:
            return Key(previous.tonic, previous.alterations), words, None
        return previous, [], f"K: unknown key {quote(words[0])}"
    letter, sign, mode, accidentals = match.groups()
    rest = [accidentals, *words[1:]] if accidentals else words[1:]
    if not mode and rest and _fifths_of_mode(rest[0]) is not None:
        mode, *rest = rest
    fifths_of_mode = _fifths_of_mode(mode) if mode else 0
    problem = f"K: unknown mode {quote(mode)}" if fifths_of_mode is None else None
    semitones = {"#": 1, "b": -1, "": 0}[sign]
    fifths = _FIFTHS.index(letter) - 1 + 7 * semitones + (fifths_of_mode or 0)
    return Key((PITCH_CLASS[letter] + semitones) % 12, signature(fifths)), rest, problem


def _fifths_of_mode(word: str) -> int | None:
    """Number of sharps that a mode adds to major; None for an unknown mode."""
    return _FIFTHS_ABOVE_MAJOR.get(word[:3].lower())
