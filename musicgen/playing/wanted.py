"""What the page asks of the networks, checked."""

import json
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError, first_problem

MAX_TEMPERATURE = 2.0
_MAX_PHRASE = 2_000
_MAX_NUMBER = 2**53 - 1
"""Numbers beyond it are not exact in JavaScript."""
_STRICT = ConfigDict(strict=True, extra="forbid")
_Wish = Annotated[str, Field(min_length=1, max_length=100)] | None
_Count = Annotated[int, Field(ge=0, le=_MAX_NUMBER)]


@dataclass(frozen=True, config=_STRICT)
class Beginning:
    """The first bars of a tune that was drawn before."""

    number: _Count
    """Of the draw."""
    side: Annotated[int, Field(ge=0, le=1)]
    num_bars: Annotated[int, Field(ge=1, le=_MAX_NUMBER)]


@dataclass(frozen=True, config=_STRICT)
class Wanted:
    """One draw: settings, and what the tune begins with."""

    seed: _Count
    temperature: Annotated[float, Field(ge=0.0, le=MAX_TEMPERATURE)]
    top_p: Annotated[float, Field(gt=0.0, le=1.0)]
    """1: all characters."""
    key: _Wish = None
    meter: _Wish = None
    rhythm: _Wish = None
    range: _Wish = None
    phrase: Annotated[str, Field(max_length=_MAX_PHRASE)] = ""
    """Music in ABC; it may have header fields above it."""
    beginning: Beginning | None = None
    """Wins over key, meter, rhythm and phrase, which belong to the beginning of a tune, too."""

    @classmethod
    def read(cls, posted: object) -> "Wanted":
        """Read posted JSON; raises InputError with one line about the first field that is wrong."""
        try:
            # In strict mode a dataclass can only be read from JSON.
            return TypeAdapter(cls).validate_json(json.dumps(posted))
        except ValidationError as error:
            raise InputError(first_problem(error)) from error
