"""The password of a search's database reaches no file and no line."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from musicgen.sweep.folders import hide_passwords
from musicgen.system.passwords import override_without_password
from tests.commands import train
from tests.search.postgres import server
from tests.soak.commands import write_tunebook

SECRET = "S3CR3T-word"
SEARCH = (
    *("--multirun", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=1", "hydra.sweeper.confirm_seeds=1"),
    *("hydra.sweeper.pruning=null", "hydra.sweeper.params=null", "training.learning_rate=choice(1e-3,5e-3)"),
    *("tracker.mode=offline", "rendering=none", "rendering.plots=false", "sampling.num_tunes=2"),
    *("training.num_iterations=9", "training.validation_interval=9"),
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server that takes any password, with one in it."""
    with server() as url:
        yield url.replace("search@", f"search:{SECRET}@")


def files_with_the_secret(folder: Path) -> list[str]:
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        contents = [path.read_bytes()]
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        found += [str(path) for content in contents if SECRET.encode() in content]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("form", ["typed", "query", "environment", "reference"])
def test_no_file_and_no_line_of_a_search_has_the_password(
    form: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"hydra.sweeper.study_name={form}"
    storage = {
        "typed": [f'hydra.sweeper.storage="{address}"'],
        "query": [f"hydra.sweeper.storage='{address.replace(f':{SECRET}', '')}?password={SECRET}'"],
        "environment": [],
        "reference": ["hydra.sweeper.storage=${oc.env:OUR_DATABASE}"],
    }[form]
    # Hydra's own launcher starts no process, and writes the same files.
    launcher = [] if form == "typed" else ["hydra/launcher=basic"]
    # Two of the forms also confirm the best trial, which writes more files.
    seeds = ["hydra.sweeper.confirm_seeds=0"] if form in ("query", "environment") else []
    monkeypatch.setenv("MUSICGEN_STORAGE", address if form == "environment" else "sqlite:///unused.sqlite")
    monkeypatch.setenv("OUR_DATABASE", address)
    done = train(write_tunebook(tmp_path), tmp_path / "out", *SEARCH, name, *storage, *launcher, *seeds)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    search = tmp_path / "out" / "searches" / form
    assert not (search / "search.sqlite").exists() and list(search.rglob("*.zip"))
    assert list(search.rglob(".hydra/hydra.yaml")) and files_with_the_secret(tmp_path) == []


@pytest.mark.parametrize(
    "storage",
    [
        f"postgresql//me:{SECRET}@host/music",
        f"postgresql:me:{SECRET}@host/music",
        f"postgresql://me:{SECRET}",
        f"mysql://me:{SECRET}@host/music?password={SECRET}",
        f"postgresql://me:{SECRET}/x@host/music",
        f"postgresql://me:{SECRET}(@host/music",
        f"'postgresql://me:{SECRET}@127.0.0.1:1/music'",
    ],
)
def test_a_misspelt_address_is_a_line_without_the_password(storage: str, tmp_path: Path) -> None:
    corpus = write_tunebook(tmp_path)
    done = train(corpus, tmp_path / "out", *SEARCH, f"hydra.sweeper.storage={storage}")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith("musicgen: ")
    assert SECRET not in done.stdout + done.stderr and files_with_the_secret(tmp_path) == []


def test_jobs_get_an_object_without_its_passwords() -> None:
    storage = {
        "_target_": "optuna.storages.RDBStorage",
        "url": "postgresql://me:secret@host/music",
        "engine_kwargs": {"connect_args": {"password": "secret", "connect_timeout": 3}},
    }
    hydra = OmegaConf.structured(HydraConf)
    hydra.sweeper = {"storage": storage}
    hydra.overrides.hydra = ["hydra.sweeper.storage.url=postgresql://me:secret@host/music"]
    config = OmegaConf.create({"hydra": hydra})
    hide_passwords(config)
    kept = cast(dict[str, Any], OmegaConf.to_container(config.hydra, resolve=False))
    assert "secret" not in str(kept) and "postgresql://me@host/music" in str(kept["sweeper"])
    (override,) = kept["overrides"]["hydra"]
    (parsed,) = OverridesParser.create().parse_overrides([override])
    assert parsed.value() == kept["sweeper"]["storage"]


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        (
            f"hydra.sweeper.storage.url=postgresql://me:{SECRET}@host/m",
            "hydra.sweeper.storage.url=postgresql://me@host/m",
        ),
        (f"hydra.sweeper.storage={{url:postgresql://me:{SECRET}@host/m}}", "hydra.sweeper.storage=hidden"),
        ("hydra.sweeper.storage={file_path:/a/b}", "hydra.sweeper.storage={file_path:/a/b}"),
    ],
)
def test_a_command_shows_an_object_without_its_passwords(override: str, shown: str) -> None:
    assert override_without_password(override) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:secret@host/music", "postgresql://me@host/music"),
        (
            "postgresql://me:p%40ss@host:5432/music?sslmode=require&password=x",
            "postgresql://me@host:5432/music?sslmode=require&password=",
        ),
        ("${oc.env:STORAGE}", "${oc.env:STORAGE}"),
        ("postgresql://me:secret@${oc.env:HOST}/music", "postgresql://me@${oc.env:HOST}/music"),
        ("postgresql//me:secret@host", "hidden"),
        ("sqlite:///a folder/search.sqlite", "hidden"),
        ("sqlite:////home/me/search.sqlite", "sqlite:////home/me/search.sqlite"),
    ],
)
def test_jobs_get_the_address_without_the_password(address: str, shown: str) -> None:
    hydra = OmegaConf.structured(HydraConf)
    hydra.sweeper = {"storage": address}
    hydra.overrides.hydra = ["hydra.mode=MULTIRUN", f'++hydra.sweeper.storage="{address}"']
    config = OmegaConf.create({"hydra": hydra})
    hide_passwords(config)
    kept = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    assert kept == {"storage": shown}
    overrides = OmegaConf.to_container(config.hydra.overrides.hydra)
    assert isinstance(overrides, list) and overrides[0] == "hydra.mode=MULTIRUN"
    prefix = "++" if shown == address else ""
    assert overrides[1:] == [f'{prefix}hydra.sweeper.storage="{shown}"']
