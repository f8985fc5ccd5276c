"""ABC notation: text in; header fields, bars with exact durations, and the written melody out."""

from musicgen.notation.abc2midi import Conversion, convert
from musicgen.notation.midi_notes import SoundingNote, sounding_notes
from musicgen.notation.parsing import parse_tune
from musicgen.notation.tune import Bar, Note, ParsedTune

__all__ = [
    "Bar",
    "Conversion",
    "Note",
    "ParsedTune",
    "SoundingNote",
    "convert",
    "parse_tune",
    "sounding_notes",
]
