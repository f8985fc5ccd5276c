"""The reader of ABC: a file cut into tunes, cleaned; fields, bars, melody, passages, the score's text."""

from itertools import pairwise
from pathlib import Path

from musicgen.config import compose_config
from musicgen.corpus.sources import decode_text, read_source
from musicgen.corpus.tunes import clean_tune, normalised_body, split_tunes
from musicgen.notation.headers import header_field
from musicgen.notation.melodies import melody_of
from musicgen.notation.parsing import parse_tune
from musicgen.notation.passages import cut_passage, find_in_passage
from musicgen.notation.tune import ParsedTune
from musicgen.rendering.mei import to_mei
from musicgen.rendering.written_reader import read_written

_FIELDS = frozenset("XTRMLK")
_SEEDS_A_CORPUS = 60
_MOST_TUNES = 3


def seeds() -> list[bytes]:
    """Tunes of four corpora as they stand in their files, evenly drawn."""
    tunes: list[str] = []
    for name in ("oneills", "ryans", "airds", "essen"):
        found = split_tunes(read_source(compose_config([f"data={name}"]).data))
        tunes += found[:: len(found) // _SEEDS_A_CORPUS]
    return [tune.encode() for tune in tunes]


def read(content: bytes) -> None:
    """Read a file of ABC as a corpus is, and the whole of it as one tune; check what comes out."""
    text = decode_text(content, Path("fuzzed.abc"))
    for tune in split_tunes(text)[:_MOST_TUNES]:
        cleaned = clean_tune(tune, _FIELDS)
        assert "\n\n" not in cleaned
        normalised_body(cleaned)
        header_field(cleaned, "K")
        check(cleaned)
    check(text)


def check(text: str) -> None:
    """Read one tune, and hold what every reader of it relies on against what comes out."""
    parsed = parse_tune(text)
    check_parsed(parsed, text)
    melody = melody_of(parsed)
    assert len(melody) == len(parsed.notes) and melody.pitches.dtype == "int64"
    if len(melody):
        middle = len(melody) // 2
        passage = cut_passage(text, melody, middle, min(middle + 8, len(melody)))
        assert passage is None or len(melody_of(parse_tune(passage.text)))
        find_in_passage(text, melody.pitches[middle : middle + 8])
    written = read_written(parsed)
    if written.measures:
        to_mei(written)


def check_parsed(parsed: ParsedTune, text: str) -> None:
    """What holds for a tune read from any text."""
    assert parsed.text == text and 0 <= parsed.tonic <= 11
    for bar in parsed.bars:
        assert bar.duration > 0 and isinstance(bar.is_valid, bool)
        assert sum(note.duration for note in bar.notes) <= bar.duration
        assert all(0 <= note.pitch <= 127 and note.duration > 0 for note in bar.notes)
    assert all(not note.tied or note.pitch == after.pitch for note, after in pairwise(parsed.notes))
    assert len(parsed.problems) <= 50
    assert all(line and line.isprintable() for line in parsed.problems)
