"""The `sampling` config group."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError
from musicgen.sampling.pitch_range import PitchRange
from musicgen.system.files import read_whole

MAX_PROMPTS, MAX_TEMPERATURES = 100_000, 1_000
MAX_CHARACTERS = 10**8
"""Limit for all tunes together; sampling needs 32 bytes of memory per character."""
_MAX_PROMPTS_FILE_BYTES = 2**24
DRAWS_PER_TUNE = 10
Temperature = Annotated[float, Field(ge=0.0, le=100.0)]
Wish = Annotated[str, Field(min_length=1, max_length=100)] | None


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class SamplingConfig:
    """How to sample tunes from a trained network."""

    num_tunes: Annotated[int, Field(ge=1, le=100_000)]
    max_chars: Annotated[int, Field(ge=1, le=1_000_000)]
    """Maximum length of a tune in characters, including its prompt."""
    temperature: Temperature | Annotated[list[Temperature], Field(min_length=1, max_length=MAX_TEMPERATURES)]
    """Divides the scores; 0 always takes the most likely character. A list is spread over the tunes."""
    top_k: Annotated[int, Field(ge=1)] | None
    """Sample only from the k most likely characters."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Sample only from the smallest set of characters with at least this total probability."""
    prompts: Annotated[list[str], Field(max_length=MAX_PROMPTS)]
    """Seed strings, spread over the tunes; a literal \\n means a newline."""
    prompts_file: str | None
    """A file with one prompt per line, instead of `prompts`."""
    weights: Literal["best", "last"]
    """best: lowest validation loss; last: the end of training."""
    # Records of older runs lack these fields.
    key: Wish = None
    """K: of every tune, such as Em. As meter and rhythm, it wins over the same field of a prompt."""
    meter: Wish = None
    """M: of every tune, such as 6/8."""
    rhythm: Wish = None
    """R: of every tune, such as jig."""
    range: str | list[str] | None = None
    """Keep only tunes inside: an instrument, or the lowest and the highest note, as D4-B5 or [D4, B5]."""
    keep: Literal["all", "sound"] = "all"
    """sound: keep only tunes with right bars that end, on their tonic, and do not run in circles."""
    max_draws: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Draw at most this many tunes to keep num_tunes of them; None: ten times num_tunes."""

    @model_validator(mode="after")
    def _check(self) -> "SamplingConfig":
        if not self.prompts and self.prompts_file is None:
            raise ValueError("prompts must contain at least one prompt, or prompts_file name a file")
        if self.num_tunes * self.max_chars > MAX_CHARACTERS:
            raise ValueError(f"num_tunes * max_chars must be at most {MAX_CHARACTERS:,}")
        if self.range is not None:
            PitchRange.read(self.range)
        if self.most_draws < self.num_tunes:
            raise ValueError(f"max_draws={self.max_draws}: must be at least num_tunes={self.num_tunes}")
        if self.most_draws * self.max_chars > DRAWS_PER_TUNE * MAX_CHARACTERS:
            raise ValueError(f"max_draws * max_chars must be at most {DRAWS_PER_TUNE * MAX_CHARACTERS:,}")
        return self

    @property
    def pitch_range(self) -> PitchRange | None:
        """The range that kept tunes are in, if any."""
        return None if self.range is None else PitchRange.read(self.range)

    @property
    def conditions(self) -> str:
        """What kept tunes fulfil, in words; "" if every tune is kept."""
        name = self.range if isinstance(self.range, str) else "-".join(self.range or ())
        words = ("sound" if self.keep == "sound" else "", f"in the range {name}" if name else "")
        return ", ".join(filter(None, words))

    @property
    def most_draws(self) -> int:
        """Limit on the tunes drawn, if only some of them are kept."""
        return DRAWS_PER_TUNE * self.num_tunes if self.max_draws is None else self.max_draws

    @property
    def temperatures(self) -> Sequence[float]:
        """The temperatures that the tunes are drawn with, in turns."""
        return self.temperature if isinstance(self.temperature, list) else [self.temperature]

    def read_prompts(self) -> list[str]:
        """The prompts, with newlines. Raises InputError for a missing or empty file, or too long a prompt."""
        lines = self.prompts if self.prompts_file is None else _read_lines(self.prompts_file)
        prompts = [line.replace("\\n", "\n") for line in lines]
        for prompt in prompts:
            if len(prompt) >= self.max_chars:
                raise InputError(
                    f"sampling.prompts: {prompt!r} has {len(prompt)} characters, which leaves nothing to "
                    f"sample with sampling.max_chars={self.max_chars}"
                )
        return prompts


def _read_lines(prompts_file: str) -> list[str]:
    field = f"sampling.prompts_file={prompts_file}"
    try:
        content = read_whole(Path(prompts_file).expanduser(), _MAX_PROMPTS_FILE_BYTES)
        lines = content.decode("utf-8-sig").splitlines()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{field}: cannot read it: {error}") from error
    if not lines:
        raise InputError(f"{field}: the file is empty; expected one prompt per line")
    if len(lines) > MAX_PROMPTS:
        raise InputError(f"{field}: {len(lines):,} prompts; at most {MAX_PROMPTS:,} are allowed")
    return lines
