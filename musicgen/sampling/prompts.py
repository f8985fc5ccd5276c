"""Turns prompts and wishes into what each tune begins with, in the field order of the corpus.

A network knows headers only in the order of its training tunes. So a wish for the meter becomes a header in
which the network writes the fields before it. The same completes a prompt that is part of a header.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.headers import HeaderFields, described
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError, one_line
from musicgen.notation.headers import music_start
from musicgen.notation.plan import PLAN_FIELD
from musicgen.notation.spelling import Spelling
from musicgen.sampling.config import SamplingConfig

log = logging.getLogger(__name__)

FREE_LINE = -1
"""In an encoded prompt: the network writes the rest of the line."""
WISHES: Mapping[str, str] = {"key": "K", "meter": "M", "rhythm": "R"}
"""Field of the sampling config -> field of the header."""
# A prompt may end inside a field, even before its colon.
_FIELD = re.compile(r"([A-Za-z])(?::.*(?:\n|\Z)|\Z)")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a tune begins with."""

    text: str
    """As given, without wishes and completions."""
    parts: tuple[str, ...]
    """Forced text. After every part but the last, the network writes the rest of the line.

    Music is only ever in the last part, and then its K: line is in the same part.
    """
    unusual: str | None = None
    """Why the training tunes lack such a beginning, if they do."""

    @classmethod
    def verbatim(cls, text: str, unusual: str | None = None) -> "Prompt":
        """A prompt that is forced as it is."""
        return cls(text, (text,), unusual)

    @classmethod
    def in_form_of(cls, tune: str, beginning: str, spelling: Spelling) -> "Prompt":
        """The beginning of a tune, to be continued in the form of that tune, if the network plans forms.

        With `verbatim` instead, the network plans a form of its own before it reads the beginning's music.
        """
        start = music_start(tune)
        spelled = spelling.spell(tune)
        if not spelling.has_plan or start == len(tune):
            return cls.verbatim(beginning)
        # The header is spelled as written, so the plan begins at the same place.
        plan = spelled[start:].partition("\n")[0]
        return cls(beginning, (f"{beginning[:start]}{plan}\n{beginning[start:]}",))

    def encode(self, vocabulary: Vocabulary) -> NDArray[np.int64]:
        """Tokens, with FREE_LINE between the parts; raises InputError for an unknown character."""
        tokens: list[int] = []
        for part in self.parts:
            spelled = vocabulary.encode_prompt(part)
            music = music_start(part)
            is_planned = part[music:].startswith(PLAN_FIELD)
            if vocabulary.spelling.has_plan and music < len(part) and not is_planned:
                # The header is spelled as written, so the music begins at the same place.
                tokens += [*spelled[:music], *vocabulary.encode_prompt(PLAN_FIELD), FREE_LINE]
                spelled = spelled[music:]
            tokens += [*spelled, FREE_LINE]
        return np.array(tokens[:-1], dtype=np.int64)


def plan_prompts(config: SamplingConfig, fields: HeaderFields, vocabulary: Vocabulary) -> list[Prompt]:
    """The prompts of the config with its wishes, each a beginning that the corpus has, if possible.

    fields: those of the training tunes. Raises InputError for a wish that no training tune fulfils, a prompt
    that is too long or has an unknown character, and a missing file.
    """
    wishes = {letter: _wished_value(config, name, fields) for name, letter in WISHES.items()}
    wishes = {letter: value for letter, value in wishes.items() if value is not None}
    order_with = cache(fields.order_with)
    prompts = [_plan(text, wishes, fields, order_with) for text in config.read_prompts()]
    for prompt in prompts:
        num_characters = sum(map(len, prompt.parts))
        if num_characters >= config.max_chars:
            raise InputError(
                f"sampling.prompts: {prompt.text!r} becomes a header of {num_characters} characters or more, "
                f"which leaves nothing to sample with sampling.max_chars={config.max_chars}"
            )
        prompt.encode(vocabulary)
    return prompts


def warn_of_unusual(prompts: Sequence[Prompt]) -> None:
    """Log one line if some prompts are not how training tunes begin."""
    unusual = [prompt for prompt in prompts if prompt.unusual is not None]
    if unusual:
        line = one_line(f"sampling.prompts: {unusual[0].text!r} is unusual: {unusual[0].unusual}")
        log.warning(line if len(unusual) == 1 else f"{line} (one of {len(unusual)} unusual prompts)")


def _wished_value(config: SamplingConfig, name: str, fields: HeaderFields) -> str | None:
    """The wish as the corpus spells it; None without one."""
    wish, letter = getattr(config, name), WISHES[name]
    if wish is None:
        return None
    value = fields.spelling(letter, wish)
    if value is None:
        known = fields.values.get(letter)
        reason = f"the commonest are {described(known)}" if known else f"none has {letter}: at all"
        raise InputError(f"sampling.{name}={wish!r}: no training tune has it; {reason}")
    return value


def _plan(
    text: str, wishes: Mapping[str, str], fields: HeaderFields, order_with: Callable[[str], str | None]
) -> Prompt:
    lines, rest = _split_header(text)
    letters = "".join(letter for letter, _ in lines)
    if rest and not letters.endswith("K"):
        return _as_given(text, wishes, "it has lines before K: that are not header fields")
    if not wishes and fields.begins_with(letters):
        return Prompt.verbatim(text, _unknown_value(lines, fields))
    lines = [(letter, _respelled(letter, line, fields)) for letter, line in lines if letter not in wishes]
    lines += [(letter, f"{letter}:{value}\n") for letter, value in wishes.items()]
    letters = "".join(letter for letter, _ in lines)
    order = order_with(letters)
    if order is None:
        fields_named = (
            f"the fields {', '.join(letters)} together" if len(letters) > 1 else f"a field {letters}:"
        )
        return _as_given(text, wishes, f"no training tune has {fields_named}")
    parts = _in_order(lines, order)
    return Prompt(text, (*parts[:-1], parts[-1] + rest), _unknown_value(lines, fields))


def _as_given(text: str, wishes: Mapping[str, str], reason: str) -> Prompt:
    """The prompt verbatim, which wishes do not allow."""
    if wishes:
        raise InputError(f"sampling.prompts: {text!r} cannot be joined with the wishes: {reason}")
    return Prompt.verbatim(text, reason)


def _split_header(text: str) -> tuple[list[tuple[str, str]], str]:
    """(letter, line with its newline) of each field up to K:, and the rest of the text."""
    lines: list[tuple[str, str]] = []
    place = 0
    while (match := _FIELD.match(text, place)) is not None:
        lines.append((match[1], match[0]))
        place = match.end()
        if match[1] == "K" or not match[0].endswith("\n"):
            break
    return lines, text[place:]


def _in_order(given: Sequence[tuple[str, str]], order: str) -> list[str]:
    """The parts of a header with these lines; begins the lines that the order has before and between them."""
    left = list(given)
    parts = [""]
    for letter in order:
        if not left:
            break
        place = next((place for place, (name, _) in enumerate(left) if name == letter), None)
        line = f"{letter}:" if place is None else left.pop(place)[1]
        parts[-1] += line
        if not line.endswith("\n") and left:
            parts.append("")
    assert not left
    return parts


def _respelled(letter: str, line: str, fields: HeaderFields) -> str:
    """The line with its meter, key or rhythm as the corpus writes it; unchanged if no tune has this value."""
    if not line.endswith("\n"):
        return line
    value = fields.spelling(letter, _value(line))
    return line if value is None else f"{letter}:{value}\n"


def _unknown_value(lines: Sequence[tuple[str, str]], fields: HeaderFields) -> str | None:
    """The first complete line with a meter, key or rhythm that no training tune has, as a reason."""
    for letter, line in lines:
        known = fields.values.get(letter)
        if line.endswith("\n") and known is not None and _value(line) not in known:
            return f"no training tune has {line.strip()}"
    return None


def _value(line: str) -> str:
    return line[2:].strip()
