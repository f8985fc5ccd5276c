"""What the `sampling` config group holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError
from musicgen.system.files import read_whole

_MAX_BYTES = 2**24
"""Of a file of prompts."""
MAX_PROMPTS, MAX_TEMPERATURES = 100_000, 1_000
MAX_CHARACTERS = 10**8
"""Of all tunes together, which take 32 bytes of memory each."""
Temperature = Annotated[float, Field(ge=0.0, le=100.0)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class SamplingConfig:
    """How tunes are drawn from a trained network."""

    num_tunes: Annotated[int, Field(ge=1, le=100_000)]
    max_chars: Annotated[int, Field(ge=1, le=1_000_000)]
    """Cap on a tune's characters, its prompt included."""
    temperature: Temperature | Annotated[list[Temperature], Field(min_length=1, max_length=MAX_TEMPERATURES)]
    """Scores are divided by it; 0 takes the most likely character. A list is spread over the tunes."""
    top_k: Annotated[int, Field(ge=1)] | None
    """Draw from the k most likely characters only."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Draw from the fewest characters that hold this much of the probability."""
    prompts: Annotated[list[str], Field(max_length=MAX_PROMPTS)]
    """Seed strings, spread over the tunes; a written \\n is a new line."""
    prompts_file: str | None
    """A file with a prompt a line, instead of `prompts`."""
    weights: Literal["best", "last"]
    """By validation loss, or where training ended."""

    @model_validator(mode="after")
    def _check(self) -> "SamplingConfig":
        if not self.prompts and self.prompts_file is None:
            raise ValueError("prompts must hold at least one prompt, or prompts_file name a file")
        if self.num_tunes * self.max_chars > MAX_CHARACTERS:
            raise ValueError(f"num_tunes * max_chars must be at most {MAX_CHARACTERS:,}")
        return self

    @property
    def temperatures(self) -> Sequence[float]:
        """The temperatures as a list, also where there is one."""
        return self.temperature if isinstance(self.temperature, list) else [self.temperature]

    def read_prompts(self) -> list[str]:
        """The prompts as text; raises InputError for a missing or empty file, or a prompt too long."""
        lines = self.prompts
        if self.prompts_file is not None:
            try:
                content = read_whole(Path(self.prompts_file).expanduser(), _MAX_BYTES)
                lines = content.decode("utf-8-sig").splitlines()
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"sampling.prompts_file={self.prompts_file}: cannot read it: {error}"
                ) from error
            if not lines:
                raise InputError(
                    f"sampling.prompts_file={self.prompts_file}: empty; a prompt a line is needed"
                )
            if len(lines) > MAX_PROMPTS:
                raise InputError(
                    f"sampling.prompts_file={self.prompts_file}: {len(lines):,} prompts; at most "
                    f"{MAX_PROMPTS:,} are allowed"
                )
        prompts = [line.replace("\\n", "\n") for line in lines]
        for prompt in prompts:
            if len(prompt) >= self.max_chars:
                raise InputError(
                    f"sampling.prompts: {prompt!r} has {len(prompt)} characters and leaves none of "
                    f"sampling.max_chars={self.max_chars} to draw"
                )
        return prompts
