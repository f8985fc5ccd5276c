"""The command line that composes a run's config again, from Hydra's record of how it was composed.

The config folders and the main file belong to the command as much as the overrides do. They are read from
Hydra's part of the config, which jobs have on every machine, and not from this process's arguments.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musicgen.config import SET_BY_THE_SWEEPER
from musicgen.records.naming import drop_overrides, override_text
from musicgen.system.conf import conf_folder

CONFIG_NAME = "config"
"""The main config file, unless --config-name names another one."""
_MAIN, _ADDED, _SEARCHED = "main", "command-line", "hydra.searchpath in command-line"
"""How Hydra names the origins of its search path."""


def train_command(words: Sequence[str]) -> str:
    """The command as typed in a shell."""
    return shlex.join(["python", "-m", "musicgen.train", *words])


def reproducing_command(hydra: Mapping[Any, Any], overrides: Sequence[str]) -> str:
    """The command that repeats one run by itself. hydra: its part of the run's config, as plain values."""
    searched = _search_path(_folders(hydra, _SEARCHED))
    own = drop_overrides(overrides, "study", "hydra", *SET_BY_THE_SWEEPER)
    return train_command([*config_words(hydra), *searched, *own])


def config_words(hydra: Mapping[Any, Any]) -> list[str]:
    """--config-path, --config-dir and --config-name as far as they were given, one word each."""
    added = [f"--config-dir={folder}" for folder in _folders(hydra, _ADDED)]
    return [*_named_config(hydra), *added]


def words_with_folder(hydra: Mapping[Any, Any], conf: Path) -> list[str]:
    """The same with `conf` as --config-dir. Hydra takes only one; other folders go into its search path."""
    others = [*_folders(hydra, _ADDED), *_folders(hydra, _SEARCHED)]
    return [f"--config-dir={conf}", *_named_config(hydra), *_search_path(others)]


def _named_config(hydra: Mapping[Any, Any]) -> list[str]:
    # Hydra would resolve a relative --config-path against the program's folder.
    main = [f"--config-path={folder}" for folder in _folders(hydra, _MAIN, is_relative=False)]
    name = _part(hydra, "job").get("config_name")
    named = [f"--config-name={name}"] if isinstance(name, str) and name != CONFIG_NAME else []
    return [word for word in main if word != f"--config-path={conf_folder()}"] + named


def _search_path(folders: Sequence[str]) -> list[str]:
    return [f"hydra.searchpath={override_text(folders)}"] if folders else []


def _folders(hydra: Mapping[Any, Any], provider: str, *, is_relative: bool = True) -> list[str]:
    """The folders and packages of one origin, relative to where the command was given."""
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
