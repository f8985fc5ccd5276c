"""How a corpus writes its headers: the order of the fields, and the values of meter, key and rhythm."""

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError, first_problem
from musicgen.notation.headers import music_start, split_header
from musicgen.notation.key import Key, read_key

MAX_KINDS = 200
"""Only this many orders, and values of a field, are known: the commonest."""
USUAL_SHARE = 0.01
"""Share of the tunes that must begin with the same fields for this to count as usual."""
_COUNTED_FIELDS = "MKR"
_UNCOUNTED = re.compile(r"^([XT]:)(?![|:])[^\r\n]*", re.MULTILINE)
_METER_NAMES = {"C": "4/4", "C|": "2/2"}

Counts = dict[str, Annotated[int, Field(ge=1)]]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class HeaderFields:
    """Counts over the headers of a corpus, commonest first."""

    orders: Counts
    """Field letters of a header in order, such as XTMLK -> number of tunes."""
    values: dict[str, Counts]
    """M, K and R -> value -> number of tunes."""

    @classmethod
    def of(cls, tunes: Iterable[str]) -> "HeaderFields":
        """The header fields of these tunes."""
        # Without numbers and titles, thousands of headers are the same text, which is read once.
        texts = Counter(_UNCOUNTED.sub(r"\1", tune[: music_start(tune)]) for tune in tunes)
        headers = [(split_header(text)[0], number) for text, number in texts.items()]
        return cls(
            orders=_commonest(
                ("".join(letter for letter, _ in header), number) for header, number in headers
            ),
            values={
                letter: _commonest(
                    (value, number)
                    for header, number in headers
                    for name, value in header
                    if name == letter and value
                )
                for letter in _COUNTED_FIELDS
            },
        )

    @classmethod
    def from_record(cls, content: object, place: str) -> "HeaderFields":
        """Read what a run recorded; raises InputError that names the place if it is something else."""
        try:
            # In strict mode a dataclass can only be read from JSON.
            return TypeAdapter(cls).validate_json(json.dumps(content))
        except ValidationError as error:
            raise InputError(f"{place}: {first_problem(error)}") from error

    def begins_with(self, letters: str) -> bool:
        """Whether the headers usually begin with these fields, in this order."""
        num_tunes = sum(number for order, number in self.orders.items() if order.startswith(letters))
        return num_tunes > 0 and num_tunes >= USUAL_SHARE * sum(self.orders.values())

    def order_with(self, letters: str) -> str | None:
        """The commonest order that has all of these fields; None if no tune has them together."""
        wanted = Counter(letters)
        return next((order for order in self.orders if not wanted - Counter(order)), None)

    def spellings(self, letter: str) -> list[str]:
        """Each meter, key or rhythm once, as it is most often written. Omits unreadable keys."""
        found: dict[Hashable, str] = {}
        for written in self.values.get(letter, {}):
            meaning = _meaning(letter, written)
            if letter != "K" or isinstance(meaning, Key):
                found.setdefault(meaning, written)
        return list(found.values())

    def spelling(self, letter: str, value: str) -> str | None:
        """How the corpus most often writes this meter, key or rhythm; None if no tune has it.

        Different spellings have one meaning: `Em` and `E Minor`, `C` and `4/4`, `slip jig` and `Slipjig`.
        """
        meaning = _meaning(letter, value)
        known = self.values.get(letter, {})
        return next((written for written in known if _meaning(letter, written) == meaning), None)


def _commonest(values: Iterable[tuple[str, int]]) -> Counts:
    """The values with the largest numbers, added up; among equal ones those that come first."""
    totals: Counter[str] = Counter()
    for value, number in values:
        totals[value] += number
    return dict(totals.most_common(MAX_KINDS))


def _meaning(letter: str, value: str) -> Hashable:
    """Equal for values that mean the same."""
    if letter == "K":
        key, problem = read_key(value[:1].upper() + value[1:])
        return value if problem else key
    if letter == "M":
        name = "".join(value.upper().split())
        return _METER_NAMES.get(name, name)
    return "".join(filter(str.isalnum, value.casefold()))


def described(counts: Mapping[str, int], number: int = 8) -> str:
    """The commonest of these values, as a list for an error message."""
    return ", ".join(list(counts)[:number])
