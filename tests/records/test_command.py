"""The recorded command composes the same config."""

import shlex
from pathlib import Path

from musicgen.config import conf_folder
from musicgen.records.command import config_words, reproducing_command, words_with_folder


def hydra_part(
    here: Path, name: str = "config", main: Path | None = None, added: str = "", searched: str = ""
) -> dict:
    sources = [("main", str(main or conf_folder()), "file")]
    sources += [("command-line", str(here / added), "file")] if added else []
    sources += [("hydra.searchpath in command-line", searched, "file")] if searched else []
    return {
        "overrides": {"hydra": ["hydra.run.dir=x"]},
        "job": {"config_name": name},
        "runtime": {
            "cwd": str(here),
            "config_sources": [
                {"provider": provider, "path": path, "schema": schema} for provider, path, schema in sources
            ],
        },
    }


def test_the_command_omits_our_own_config(tmp_path: Path) -> None:
    command = reproducing_command(hydra_part(tmp_path), ["seed=1", "study=x", "change={a:1}"])
    assert command == "python -m musicgen.train seed=1"


def test_the_command_names_the_users_folders_and_file(tmp_path: Path) -> None:
    hydra = hydra_part(tmp_path, "own", tmp_path / "all", "my conf", "more")
    words = shlex.split(reproducing_command(hydra, ["seed=1"]))[3:]
    assert words == [
        f"--config-path={tmp_path / 'all'}",
        "--config-name=own",
        "--config-dir=my conf",
        'hydra.searchpath=["more"]',
        "seed=1",
    ]


def test_a_folder_of_a_search_joins_those_of_the_user(tmp_path: Path) -> None:
    words = words_with_folder(hydra_part(tmp_path, added="mine", searched="more"), Path("found/conf"))
    assert words == ["--config-dir=found/conf", 'hydra.searchpath=["mine","more"]']


def test_a_package_is_named_as_one(tmp_path: Path) -> None:
    hydra = hydra_part(tmp_path)
    hydra["runtime"]["config_sources"] = [{"provider": "main", "path": "mine.conf", "schema": "pkg"}]
    assert config_words(hydra) == ["--config-path=pkg://mine.conf"]


def test_a_damaged_record_of_a_sweep_says_nothing() -> None:
    assert config_words({"runtime": {"config_sources": [None, {"provider": 3}]}, "job": 4}) == []
