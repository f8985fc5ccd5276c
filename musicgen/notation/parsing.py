"""One ABC tune from text to bars. Any text is taken: what cannot be read is named in `problems`."""

from musicgen.notation.bars import BarReader
from musicgen.notation.headers import split_header
from musicgen.notation.key import NO_KEY, read_key
from musicgen.notation.lines import has_open_block
from musicgen.notation.meter import FREE_METER, default_unit, read_meter, read_unit
from musicgen.notation.problems import Problems
from musicgen.notation.tune import ParsedTune
from musicgen.notation.voices import FirstVoice


def parse_tune(text: str) -> ParsedTune:
    """Read the first tune of the text, as written: repeats are not expanded, grace notes are left out.

    Takes any string, in time proportional to its length, and raises nothing. Where M: is missing or
    senseless the meter is free, where K: is, no letter is altered and the tonic is C; both are problems.
    A missing L: follows from the meter, as the standard says, and is none.
    """
    problems = Problems()
    headers, body, problem = split_header(text)
    problems.add(problem)
    values = dict(reversed(headers))
    if "M" in values:
        meter, problem = read_meter(values["M"])
    else:
        meter, problem = FREE_METER, "no M: field"
    problems.add(problem)
    unit = default_unit(meter)
    if "L" in values:
        unit, problem = read_unit(values["L"], unit)
        problems.add(problem)
    key, problem = read_key(values["K"]) if "K" in values else (NO_KEY, "no K: field")
    problems.add(problem)
    if has_open_block(text):
        problems.add("a text block does not end; the rest of the tune is taken for text")
    reader = BarReader(key, meter, unit, FirstVoice(headers), problems)
    reader.read(body)
    bars = reader.bars()
    if not bars:
        problems.add("no music")
    return ParsedTune(text, headers, body, key.tonic, bars, problems.lines())
