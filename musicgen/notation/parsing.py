"""Parses one ABC tune into bars. Accepts any text: what cannot be read is listed in `problems`."""

from collections.abc import Sequence
from typing import TypeVar

from musicgen.notation.bars import BarReader
from musicgen.notation.headers import split_header
from musicgen.notation.key import NO_KEY, Key, read_key
from musicgen.notation.lines import FirstVoice, has_open_block
from musicgen.notation.meter import FREE_METER, default_unit, read_meter, read_unit
from musicgen.notation.problems import Problems
from musicgen.notation.tune import ParsedTune

Reader = TypeVar("Reader", bound=BarReader)


def parse_tune(text: str) -> ParsedTune:
    """Parse the first tune of the text as written: repeats are not expanded, grace notes are left out.

    Accepts any string, takes time proportional to its length, and never raises. A missing or invalid M: means
    free meter; a missing or invalid K: means tonic C and no alterations; both are problems. A missing L: is
    not: it follows from the meter, as the standard says.
    """
    problems = Problems()
    headers, body, problem = split_header(text)
    problems.add(problem)
    reader, key = open_reader(BarReader, headers, problems)
    if has_open_block(text):
        problems.add("text block without an end: ignored the rest of the tune")
    reader.read(body)
    bars = reader.bars()
    if not bars:
        problems.add("no music")
    return ParsedTune(text, headers, body, key.tonic, bars, problems.lines())


def open_reader(
    kind: type[Reader], headers: Sequence[tuple[str, str]], problems: Problems
) -> tuple[Reader, Key]:
    """A reader for the body below these header fields, and the key. Problems with the fields are added."""
    values = dict(reversed(headers))
    meter, problem = read_meter(values["M"]) if "M" in values else (FREE_METER, "no M: field")
    problems.add(problem)
    unit = default_unit(meter)
    if "L" in values:
        unit, problem = read_unit(values["L"], unit)
        problems.add(problem)
    key, problem = read_key(values["K"]) if "K" in values else (NO_KEY, "no K: field")
    problems.add(problem)
    return kind(key, meter, unit, FirstVoice(headers), problems), key
