"""Names of folders that say what changed, and values as the command line writes them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import count

from musicgen.config import Config

LONGEST_NAME = 100
"""Characters of a folder's name."""
MAX_NAME_BYTES = 200
"""The same in UTF-8: file systems take 255, and a time or a number may be added."""


def folder_name(text: str) -> str:
    """The text with everything replaced that has no place in a folder's name."""
    name = re.sub(r"[^\w.,=+-]+", "_", text)[:LONGEST_NAME]
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("_.")


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that came before: different values may be cut to the same name.

    No number makes a name that another value has by itself. Names that differ in case alone count as the
    same, as they do on the file systems of Windows and macOS.
    """

    def key(name: str) -> str:
        return unicodedata.normalize("NFC", name).casefold()

    taken = {key(name) for name in names}
    seen: set[str] = set()
    unique = []
    for name in names:
        if key(name) in seen:
            name = next(numbered for number in count(2) if key(numbered := f"{name}-{number}") not in taken)
            taken.add(key(name))
        seen.add(key(name))
        unique.append(name)
    return unique


def changes_name(overrides: Sequence[str], *left_out: str) -> str:
    """What a folder's name says of these overrides: "-model=gru-training.batch_size=64", or nothing.

    left_out: groups and parameters that are not told, beside `paths`.
    """
    told = told_overrides(overrides, "paths", *left_out)
    return ("-" + folder_name("-".join(told)) if told else "")[:LONGEST_NAME]


def told_overrides(overrides: Sequence[str], *left_out: str) -> list[str]:
    """The overrides whose group or first name is not left out."""
    return [text for text in overrides if re.split(r"[.=@/]", text.lstrip("+~"))[0] not in left_out]


def override_text(value: object) -> str:
    """A plain value in the grammar of Hydra's overrides.

    In its quoted strings a backslash stands for itself, except in front of a quote.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            escaped = re.sub(r'(\\*)("|$)', lambda end: end[1] * 2 + ('\\"' if end[2] else ""), value)
            return f'"{escaped}"'
        case Mapping():
            return "{" + ",".join(f"{name}:{override_text(inner)}" for name, inner in value.items()) + "}"
        case Sequence():
            return "[" + ",".join(override_text(inner) for inner in value) + "]"
    raise TypeError(f"no override can say {value!r}")


def study_tags(config: Config) -> list[str]:
    """The tags of a run of a study: its study, its arm, the parameter and its value."""
    name, change = config.study.name, config.change
    tags = [] if name is None else [f"study={name}"]
    if change is not None:
        tags += [
            f"arm={change.parameter}={change.value}",
            f"parameter={change.parameter}",
            f"value={change.value}",
        ]
    elif name is not None:
        tags.append("arm=baseline")
    return tags
