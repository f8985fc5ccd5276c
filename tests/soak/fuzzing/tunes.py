"""Reader of ABC: splitting into tunes, cleaning, fields, bars, melody, passages, and the score's MEI."""

import zlib
from itertools import pairwise
from pathlib import Path

from musicgen.config import compose_config
from musicgen.corpus.formats import decode_text
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunebook import read_tunebook
from musicgen.corpus.tunes import clean_tune
from musicgen.notation.headers import header_field
from musicgen.notation.melodies import melody_of
from musicgen.notation.parsing import parse_tune
from musicgen.notation.passages import cut_passage, find_in_passage
from musicgen.notation.tune import ParsedTune
from musicgen.rendering.mei import to_mei
from musicgen.rendering.sheet_reader import read_sheet

_FIELDS = frozenset("XTRMLK")
_SEEDS_A_CORPUS = 60
_SEED_CHARACTERS = 180
_SCORE_INTERVAL = 32


def seeds() -> list[bytes]:
    """The beginnings of tunes of four corpora, uncleaned, at even intervals."""
    tunes: list[str] = []
    for name in ("oneills", "ryans", "airds", "essen"):
        found = read_tunebook(read_source(compose_config([f"data={name}"]).data)).tunes
        tunes += found[:: len(found) // _SEEDS_A_CORPUS]
    return [tune[:_SEED_CHARACTERS].encode() for tune in tunes]


def read(content: bytes) -> None:
    """Read the input as a corpus file and as one tune, and check invariants of the result.

    One input in 32 is also cut into passages and engraved, which takes longest.
    """
    text = decode_text(content, Path("fuzzed.abc"))
    for tune in read_tunebook(text).tunes[:1]:
        cleaned = clean_tune(tune, _FIELDS)
        assert "\n\n" not in cleaned
        header_field(cleaned, "K")
    parsed = parse_tune(text)
    check_parsed(parsed, text)
    assert len(melody_of(parsed)) == len(parsed.notes)
    if zlib.crc32(content) % _SCORE_INTERVAL == 0:
        check_passages_and_score(parsed, text)


def check_passages_and_score(parsed: ParsedTune, text: str) -> None:
    """Any parsed tune can be cut into passages and engraved."""
    melody = melody_of(parsed)
    if len(melody):
        middle = len(melody) // 2
        passage = cut_passage(text, melody, middle, min(middle + 8, len(melody)))
        assert passage is None or len(melody_of(parse_tune(passage.text)))
        find_in_passage(text, melody.pitches[middle : middle + 8])
    written = read_sheet(parsed)
    if written.measures:
        to_mei(written)


def check_parsed(parsed: ParsedTune, text: str) -> None:
    """Invariants of a tune parsed from any text."""
    assert parsed.text == text and 0 <= parsed.tonic <= 11
    for bar in parsed.bars:
        assert bar.duration > 0 and isinstance(bar.is_valid, bool)
        assert sum(note.duration for note in bar.notes) <= bar.duration
        assert all(0 <= note.pitch <= 127 and note.duration > 0 for note in bar.notes)
    assert all(not note.tied or note.pitch == after.pitch for note, after in pairwise(parsed.notes))
    assert len(parsed.problems) <= 50
    assert all(line and line.isprintable() for line in parsed.problems)
