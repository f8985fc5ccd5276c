"""Maps text to token numbers and back."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from musicgen.errors import InputError
from musicgen.notation.place import code_points
from musicgen.notation.spelling import AS_WRITTEN, Spelling

UNKNOWN = 0
"""Token of every character that the training tunes lack. It is never sampled."""


@dataclass(frozen=True)
class Vocabulary:
    """The sorted characters of the training tunes as the network spells them.

    Character i has token i + 1, and token 0 is UNKNOWN.
    """

    characters: str
    spelling: Spelling = AS_WRITTEN

    @classmethod
    def of(
        cls, spelled: Iterable[str], spelling: Spelling = AS_WRITTEN, known_characters: str = ""
    ) -> "Vocabulary":
        """The vocabulary of these spelled tunes and characters; always has the newline, which ends a tune."""
        found = {"\n", *known_characters}
        for tune in spelled:
            found.update(tune)
        return cls("".join(sorted(found)), spelling)

    @property
    def size(self) -> int:
        """Number of tokens, including UNKNOWN."""
        return len(self.characters) + 1

    @cached_property
    def _token_of(self) -> dict[str, int]:
        return {character: token for token, character in enumerate(self.characters, start=1)}

    @cached_property
    def _token_of_code(self) -> np.ndarray:
        """Token of each code point, int64 [largest code point of the vocabulary + 2]; the last is UNKNOWN."""
        codes = [ord(character) for character in self.characters]
        table = np.full(max(codes) + 2, UNKNOWN, dtype=np.int64)
        table[codes] = range(1, self.size)
        return table

    @property
    def newline(self) -> int:
        return self._token_of["\n"]

    def encode(self, text: str) -> np.ndarray:
        """Tokens of a spelled text, int64 [len(text)]; characters outside the vocabulary become UNKNOWN."""
        codes = code_points(text)
        table = self._token_of_code
        # The last entry covers all larger code points.
        return table[np.minimum(codes, len(table) - 1)]

    def encode_parts(self, parts: Iterable[str]) -> NDArray[np.unsignedinteger]:
        """Tokens of a long text given in parts, in the smallest type that holds them; [characters]."""
        kind = np.min_scalar_type(self.size - 1)
        return np.concatenate([self.encode(part).astype(kind) for part in parts])

    def encode_prompt(self, prompt: str) -> np.ndarray:
        """Tokens of the beginning of a tune; raises InputError for a character outside the vocabulary."""
        spelled = self.spelling.spell_beginning(prompt)
        words = repr(prompt) if spelled == prompt else f"{prompt!r}, which is spelled {spelled!r},"
        for position, character in enumerate(spelled):
            if character not in self._token_of:
                raise InputError(
                    f"sampling.prompts: {words} has the character {character!r} at position {position}, "
                    f"which is not in the training tunes; allowed are {self.characters!r}, "
                    "and sampling.prompts=['X:'] fits every corpus"
                )
        return self.encode(spelled)

    def decode(self, tokens: Iterable[int]) -> str:
        """The tune with these tokens, which must not include UNKNOWN, as ABC text."""
        return self.spelling.read("".join(self.characters[token - 1] for token in tokens))
