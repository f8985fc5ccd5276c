"""Characters to token numbers and back."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from musicgen.errors import InputError

UNKNOWN = 0
"""Token of every character that the training tunes do not have. It is never sampled."""


@dataclass(frozen=True)
class Vocabulary:
    """The characters of the training tunes, sorted; character i has token i + 1, token 0 is the unknown."""

    characters: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Vocabulary":
        """The vocabulary of these texts; the newline, which ends a tune, is always in it."""
        return cls("".join(sorted({"\n"}.union(*map(set, texts)))))

    @property
    def size(self) -> int:
        """Number of tokens, the unknown one included."""
        return len(self.characters) + 1

    @cached_property
    def _token_of(self) -> dict[str, int]:
        return {character: token for token, character in enumerate(self.characters, start=1)}

    @cached_property
    def _token_of_code(self) -> np.ndarray:
        """Token of each Unicode code point, int64 [highest of the vocabulary + 2]; the last is UNKNOWN."""
        codes = [ord(character) for character in self.characters]
        table = np.full(max(codes) + 2, UNKNOWN, dtype=np.int64)
        table[codes] = range(1, self.size)
        return table

    @property
    def newline(self) -> int:
        """The token of `\\n`."""
        return self._token_of["\n"]

    def encode(self, text: str) -> np.ndarray:
        """Tokens of the text, int64 [len(text)]; characters outside the vocabulary become UNKNOWN."""
        # A lone surrogate is a character like any other: none of it is written anywhere.
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        table = self._token_of_code
        # The last row of the table stands for all that lie beyond it.
        return table[np.minimum(codes, len(table) - 1)]

    def encode_prompt(self, prompt: str) -> np.ndarray:
        """Like encode, but an unknown character is the user's mistake and named in an InputError."""
        for position, character in enumerate(prompt):
            if character not in self._token_of:
                raise InputError(
                    f"sampling.prompts: {prompt!r} has the character {character!r} at position {position}, "
                    f"which the training tunes lack; they have {self.characters!r}"
                )
        return self.encode(prompt)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens; none may be UNKNOWN."""
        return "".join(self.characters[token - 1] for token in tokens)
