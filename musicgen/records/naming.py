"""Folder names that say what changed, and values in the grammar of Hydra's overrides."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import count

from musicgen.config import Config

MAX_NAME_CHARACTERS = 100
MAX_NAME_BYTES = 200
"""In UTF-8. File systems allow 255; a time or a number may be added."""


_UNFIT = r"[^\w.,=+-]+"


def folder_name(text: str) -> str:
    """The text with every character replaced that does not belong into a folder's name."""
    name = re.sub(_UNFIT, "_", text)[:MAX_NAME_CHARACTERS]
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("_.")


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, with numbers appended to repeated ones: long values may be cut to the same name.

    A number never makes a name that another entry already has. Names that differ only in case count as equal,
    as on the file systems of Windows and macOS.
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
    """The part of a folder's name for these overrides: "-model=gru-training.batch_size=64", or nothing.

    left_out: groups and parameters that are not mentioned, in addition to `paths`.
    """
    shown = drop_overrides(overrides, "paths", *left_out)
    return ("-" + folder_name("-".join(shown)) if shown else "")[:MAX_NAME_CHARACTERS]


def search_name(overrides: Sequence[str]) -> str:
    """The name of a search with these overrides; other overrides give another name, however long they are."""
    left_out = ("tracker", "rendering")
    text = "-".join(drop_overrides(overrides, "paths", *left_out))
    name = changes_name(overrides, *left_out)
    is_cut = bool(text) and name != "-" + re.sub(_UNFIT, "_", text).strip("_.")
    if not is_cut:
        return f"search{name}"
    return f"search{name.rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def drop_overrides(overrides: Sequence[str], *names: str) -> list[str]:
    """The overrides whose group, or first name, is not one of these."""
    return [text for text in overrides if re.split(r"[.=@/]", text.lstrip("+~"))[0] not in names]


def override_text(value: object) -> str:
    """A plain value in the grammar of Hydra's overrides; raises TypeError for any other value.

    In quoted strings a backslash is literal, except before a quote.
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
    raise TypeError(f"no override can express {value!r}")


def study_tags(config: Config) -> list[str]:
    """Comet tags of a run of a study: its study, its arm, the changed parameter and the value."""
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
