"""The command line that composes a config again, from what Hydra noted of how it was composed.

Which folders and which file were read belongs to the command as much as the overrides do. It is taken
from Hydra's part of the config, which jobs have on every machine, and not from this process's arguments.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musicgen.config import SET_BY_THE_SWEEPER, conf_folder
from musicgen.records.naming import override_text, told_overrides

CONFIG_NAME = "config"
"""The file that is composed unless another one is named."""
_MAIN, _ADDED, _SEARCHED = "main", "command-line", "hydra.searchpath in command-line"
"""Who asked for a folder to be read, as Hydra calls it."""


def train_command(words: Sequence[str]) -> str:
    """The line that a person types."""
    return shlex.join(["python", "-m", "musicgen.train", *words])


def reproducing_command(hydra: Mapping[Any, Any], overrides: Sequence[str]) -> str:
    """The command of one run by itself. hydra: its part of the run's config, as plain values."""
    searched = _search_path(_folders(hydra, _SEARCHED))
    return train_command([*config_words(hydra), *searched, *reproducing_overrides(overrides)])


def reproducing_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides that make a run the same again by itself."""
    return told_overrides(overrides, "study", "hydra", *SET_BY_THE_SWEEPER)


def config_words(hydra: Mapping[Any, Any]) -> list[str]:
    """--config-path, --config-dir and --config-name as far as they were given, one word each."""
    added = [f"--config-dir={folder}" for folder in _folders(hydra, _ADDED)]
    return [*_named_config(hydra), *added]


def words_beside(hydra: Mapping[Any, Any], conf: Path) -> list[str]:
    """The same with the folder `conf` read first. Hydra takes one --config-dir; the others are searched."""
    others = [*_folders(hydra, _ADDED), *_folders(hydra, _SEARCHED)]
    return [f"--config-dir={conf}", *_named_config(hydra), *_search_path(others)]


def _named_config(hydra: Mapping[Any, Any]) -> list[str]:
    # A relative one would count from the program's folder.
    main = [f"--config-path={folder}" for folder in _folders(hydra, _MAIN, is_relative=False)]
    name = _part(hydra, "job").get("config_name")
    named = [f"--config-name={name}"] if isinstance(name, str) and name != CONFIG_NAME else []
    return [word for word in main if word != f"--config-path={conf_folder()}"] + named


def _search_path(folders: Sequence[str]) -> list[str]:
    return [f"hydra.searchpath={override_text(folders)}"] if folders else []


def _folders(hydra: Mapping[Any, Any], provider: str, *, is_relative: bool = True) -> list[str]:
    """The folders and packages that were read at somebody's wish, relative to where the command was given."""
    runtime = _part(hydra, "runtime")
    sources, here = runtime.get("config_sources"), Path(str(runtime.get("cwd") or "/"))
    found = []
    for source in sources if isinstance(sources, Sequence) else ():
        if not isinstance(source, Mapping) or source.get("provider") != provider:
            continue
        folder = Path(str(source.get("path")))
        if source.get("schema") == "pkg":
            found.append(f"pkg://{source.get('path')}")
        elif is_relative and folder.is_relative_to(here):
            found.append(str(folder.relative_to(here)))
        else:
            found.append(str(folder))
    return found


def _part(hydra: Mapping[Any, Any], name: str) -> Mapping[str, Any]:
    part = hydra.get(name)
    return part if isinstance(part, Mapping) else {}
