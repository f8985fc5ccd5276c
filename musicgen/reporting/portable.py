"""Removes paths of this machine from texts, tables and configs that are meant to be shared."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.errors import InputError
from musicgen.system.csv_cells import written_table

if TYPE_CHECKING:
    from pandas import DataFrame

_START = r"(?:/(?!/)|~/|[A-Za-z]:[\\/])"
_PATH = re.compile(rf"""(?<![\w./~<-]){_START}[^\s'",;:()\[\]]+""")
"""An absolute path inside words."""
_ABSOLUTE = re.compile(rf"""["']?{_START}""")
_OUTPUTS, _SOUNDFONT = "paths.", "rendering.soundfont"
_NAME_COLUMNS = ("directory", "value", "baseline_value")
"""Columns that keep the last name of a path instead of being dropped."""


def without_folders(text: str) -> str:
    """The text with every absolute path shortened to its last name."""
    return _PATH.sub(lambda path: _last_name(path[0]), text)


def portable_command(command: str) -> str:
    """A command without output folders and soundfont; other absolute paths keep their last name."""
    tokens = []
    for token in shlex.split(command):
        name, sign, value = token.rpartition("=")
        if name.startswith((_OUTPUTS, _SOUNDFONT)):
            continue
        tokens.append(f"{name}{sign}{portable_value(value)}")
    return shlex.join(tokens)


def portable_table(table: "DataFrame") -> "DataFrame":
    """The table for a file, without columns of absolute paths; runs, levels and errors keep last names."""
    kept = table.copy()
    for name in table.columns:
        if name == "error":
            kept[name] = [without_folders(cell) if isinstance(cell, str) else cell for cell in table[name]]
        elif name in _NAME_COLUMNS:
            kept[name] = [portable_value(cell) for cell in table[name]]
        elif name.startswith(_OUTPUTS) or any(portable_value(cell) is not cell for cell in table[name]):
            kept = kept.drop(columns=name)
    return written_table(kept)


def portable_config(config: Mapping[str, object]) -> dict[str, object]:
    """A run's config without output folders; other absolute paths keep their last name."""
    groups = {name: group for name, group in config.items() if name != "paths"}
    return {name: _portable(group, in_words=name == "study") for name, group in groups.items()}


def _portable(value: object, *, in_words: bool) -> object:
    """in_words: also shorten paths inside longer texts, such as overrides. In a tune a slash is a length."""
    if isinstance(value, Mapping):
        return {
            name: inner if name == "prompts" else _portable(inner, in_words=in_words)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_portable(inner, in_words=in_words) for inner in value]
    return without_folders(value) if in_words and isinstance(value, str) else portable_value(value)


def portable_value(value: object) -> object:
    """The last name of an absolute path; anything else as it is."""
    return _last_name(value) if isinstance(value, str) and _ABSOLUTE.match(value) else value


def check_portable(text: str, what: str, places: Sequence[Path]) -> None:
    """Raise InputError if the text names one of the places, the home folder or the working directory."""
    known = {str(form) for place in (*places, Path.home(), Path.cwd()) for form in (place, place.resolve())}
    for place in sorted(known):
        is_named = re.search(rf"{re.escape(place)}(?![\w.-])", text)
        if is_named and Path(place).is_absolute() and len(Path(place).parts) > 1:
            raise InputError(f"{what}: names the folder {place}, which exists on this machine only")


def _last_name(path: str) -> str:
    return re.split(r"[\\/]", path.strip("\"'").rstrip("\\/"))[-1]
