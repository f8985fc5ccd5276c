"""Compare Markdown sentences with the rows of effects.csv that they cite.

A sentence states an effect if it uses a word of a verdict (raises, lowers, undecided, …), if it contains a
difference with an interval (0.19 [0.18, 0.20]), or if it is a list item under "What each change did". It must
then cite each of its rows, after its last word and on one line:

    [effect](learning-rate/effects.csv "training.learning_rate=0.01 fit/validation_loss")

with " re-tuned" after the metric for a re-tuned row. Its words must match the rows' verdicts. Each difference
must match a row's to the digits printed ("lowers" allows the opposite sign, as in verdicts: "lowers the loss
by 0.19 [0.18, 0.20]"), and so must a number of seeds. Table rows need no word of a verdict.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from musicgen.effects.effect import PLAIN, RETUNED, Decision, Effect
from musicgen.records.naming import level_of
from tests.effects.kept_effects import read_effects

WORDS = {
    Decision.RAISES: ("raises",),
    Decision.LOWERS: ("lowers",),
    Decision.EQUIVALENT: ("no effect larger",),
    Decision.INCONCLUSIVE: ("inconclusive", "no detectable effect", "undecided"),
    Decision.CANDIDATE: ("candidate",),
    Decision.UNIFORM: ("no spread to judge by",),
    Decision.IDENTICAL: ("identical",),
    Decision.NO_VALUE: ("no value to compare",),
}
"""Decision -> words by which a sentence states it, including those of older verdicts."""
LISTED = "What each change did"
FINDINGS = "What was heard"
"""The section of people's findings, which `compare` checks."""
_NUMBER = r"[+−-]?\d+(?:\.\d+)?"
_CLAIM = re.compile(rf"({_NUMBER}) \[({_NUMBER}), ({_NUMBER})\]")
_DIFFERENCE = re.compile(r"(?<![\w.\[])([+−-]\d+(?:\.\d+)?|0)(?![\w%]|\.\d)")
"""A difference without an interval, which must have a sign."""
_BEYOND_SUM = re.compile(rf"(?:than|from) the sum(?: by)? {_NUMBER} \[{_NUMBER}, {_NUMBER}\], \d+ seeds?")
"""What a joint change does beyond the sum of its parts: no row has it."""
_CITE = re.compile(r'\[[^\]]*\]\(([^)\s]*effects\.csv) "((?:[^"\\]|\\.)*)"\)')
_TITLE = re.compile(r"([^=]+)=(.*) ([a-z_]+/\w+?)( re-tuned)?")


@dataclass(frozen=True)
class Block:
    """A sentence, a list item or a table row."""

    section: str
    kind: str
    text: str


def problems_in(readme: Path) -> list[str]:
    """Return a line for each sentence that does not agree with its rows."""
    return [
        f"{readme}: {block.text!r}: {problem}"
        for block in blocks(readme.read_text(encoding="utf-8"))
        for problem in _problems(block, readme.parent)
    ]


def blocks(markdown: str) -> Iterator[Block]:
    """Split Markdown into blocks, without code and pictures; paragraphs into sentences."""
    section, kind, lines = "", "", []
    text = re.sub(r"^```.*?^```$|<!--.*?-->", "", markdown, flags=re.MULTILINE | re.DOTALL)
    for line in [*text.splitlines(), ""]:
        starts = next((name for name, sign in _STARTS.items() if re.match(sign, line)), None)
        if (starts is not None or not line.strip()) and lines:
            joined = " ".join(lines)
            parts = re.split(r"(?<=[.!?)]) (?=[A-Z*])", joined) if kind == "text" else [joined]
            yield from (Block(section, kind, part) for part in parts)
            lines = []
        if starts == "heading":
            section = line.lstrip("# ").strip()
        elif line.strip() and starts != "picture":
            kind = starts or (kind if lines else "text")
            lines.append(line.strip())


_STARTS = {"heading": r"#", "item": r"\s*(?:[-*]|\d+\.) ", "row": r"\|", "picture": r"!\["}


def _problems(block: Block, folder: Path) -> Iterator[str]:
    cites = [(file, _plain(title)) for file, title in _CITE.findall(block.text)]
    words = _BEYOND_SUM.sub("", _plain(_CITE.sub("", block.text)))
    stated = {
        decision
        for decision, forms in WORDS.items()
        if any(re.search(rf"\b{form}\b", words) for form in forms)
    }
    claims = _CLAIM.findall(words)
    is_listed = block.kind == "item" and block.section == LISTED
    if block.section == FINDINGS or not (stated or claims or cites or is_listed):
        return
    if not cites:
        yield "states an effect but cites no row"
    rows = []
    for file, title in cites:
        found = _rows(folder / file, title)
        rows += found
        if len(found) != 1:
            yield f"{len(found)} rows of {file} match {title}"
    if not cites or len(rows) != len(cites):
        return
    decided = {row.decision for row in rows}
    if stated != decided and not (block.kind == "row" and not stated):
        yield f"says {[*map(str, sorted(stated))]}, but the rows say {[*map(str, sorted(decided))]}"
    yield from _wrong_numbers(words, claims, rows)
    for number in re.findall(r"(\d+) seeds", words):
        if int(number) not in {row.num_seeds for row in rows}:
            yield f"no row has {number} seeds"


def _wrong_numbers(words: str, claims: list[tuple[str, str, str]], rows: list[Effect]) -> Iterator[str]:
    for claim in claims:
        if not any(_agrees(claim, row, words) for row in rows):
            yield f"{claim} does not match the rows: {[_numbers(row) for row in rows]}"
    for row in rows:
        numbers = _numbers(row)
        stated = claims if len(numbers) == 3 else [(number,) for number in _DIFFERENCE.findall(words)]
        if numbers and not any(_agrees(claim, row, words) for claim in stated):
            yield f"does not state the difference {numbers}"


def _numbers(row: Effect) -> tuple[float, ...]:
    """The row's difference and interval, without NaN."""
    numbers = row.difference, row.ci_low, row.ci_high
    return tuple(number for number in numbers if not math.isnan(number))


def _agrees(claim: tuple[str, ...], row: Effect, words: str) -> bool:
    numbers = _numbers(row)
    if "lowers" in words and row.decision is Decision.LOWERS and claim[0][0].isdigit():
        numbers = tuple(-number for number in (numbers[0], *reversed(numbers[1:])))
    return len(claim) == len(numbers) and all(map(_is_rounded, claim, numbers))


def _is_rounded(printed: str, exact: float) -> bool:
    places = len(printed.partition(".")[2])
    return abs(float(printed.replace("−", "-")) - exact) <= 0.500001 * 10**-places


def _rows(table: Path, title: str) -> list[Effect]:
    named = _TITLE.fullmatch(title)
    if named is None or not table.is_file():
        return []
    parameter, value, metric, retuned = named.groups()
    return [
        row
        for row in _read(table, table.stat().st_mtime_ns)
        if (row.parameter, row.metric) == (parameter, metric)
        and " ".join(row.level.split()) == " ".join(level_of(value).split())
        and row.tuning == (RETUNED if retuned else PLAIN)
    ]


@lru_cache(maxsize=8)
def _read(table: Path, _modified: int) -> list[Effect]:
    """A table is read once, not for every sentence."""
    return read_effects(table)


def _plain(markdown: str) -> str:
    return re.sub(r"\\([^\w\s])", r"\1", markdown)
