"""Comet's own settings: where each of them shows in an archive, or in what happens to it."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.tracking import comet_settings
from musicgen.tracking.comet import CometTracker
from musicgen.tracking.comet_settings import (
    archive_folder,
    experiment_name,
    has_key,
    is_own_folder,
    mode,
    own_folder,
    project,
    recorded_archive,
    why_offline,
    workspace,
)
from musicgen.tracking.config import COMET
from musicgen.tracking.tracker import TrackedRun, Trackers
from musicgen.tracking.trackers import comet_alone, openers
from tests.tracking.test_comet import CONFIG, read_archive

SILENT = replace(CONFIG, mode=None, project=None, workspace=None)
KEY = "k" * 25


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without .comet.config; the current folder has none either."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("COMET_CONFIG")
    monkeypatch.chdir(home)
    comet_settings.warn_of_experiment_key.cache_clear()
    return home


def set_in_file(path: Path, **settings: str) -> None:
    path.write_text("[comet]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))


def track(directory: Path, *, is_of_sweep: bool = False) -> Path:
    """Track a run with Comet as a command does; returns its archive."""
    directory.mkdir(parents=True, exist_ok=True)
    run = TrackedRun(directory, "batch_size=8 · seed 0", is_of_sweep=is_of_sweep)
    trackers = Trackers(openers(SILENT, run))
    return directory / str(trackers.end()[COMET]["archive"])


def names_of(archive: Path) -> list[str]:
    """Every name that the archive gives its experiment, in their order."""
    others = [message["payload"] for message in read_archive(archive)[1] if message["type"] == "log_other"]
    return [str(other["value"]) for other in others if other["key"] == "Name"]


@pytest.mark.parametrize("is_in_file", [False, True], ids=["environment", ".comet.config"])
def test_an_archive_shows_what_is_set_for_comet(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, is_in_file: bool
) -> None:
    own = tmp_path / "new" / "archives"
    settings = {
        "project_name": "mine",
        "workspace": "band",
        "experiment_name": "foo",
        "offline_directory": str(own),
        "api_key": KEY,
    }
    if is_in_file:
        set_in_file(home / ".comet.config", **settings)
    else:
        for name, value in settings.items():
            monkeypatch.setenv(f"COMET_{name.upper()}", value)
    archive = track(tmp_path / "run")
    experiment, messages, _ = read_archive(archive)
    assert (experiment["project_name"], experiment["workspace"]) == ("mine", "band")
    assert names_of(archive) == ["foo"]
    assert archive.parent == own and not (tmp_path / "run" / "comet").exists()
    assert mode(SILENT) == "live"
    assert KEY not in json.dumps([experiment, messages])


def test_without_settings_a_run_has_our_defaults(tmp_path: Path) -> None:
    archive = track(tmp_path / "run")
    experiment, _, _ = read_archive(archive)
    assert (experiment["project_name"], experiment["workspace"]) == ("musicgen", None)
    assert names_of(archive) == ["batch_size=8 · seed 0"]
    assert archive.parent == tmp_path / "run" / "comet"
    assert not has_key() and mode(SILENT) == "offline"


def test_config_overrides_environment_and_environment_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_in_file(home / ".comet.config", project_name="from file", workspace="from file", start_online="no")
    assert (project(SILENT), workspace(SILENT)) == ("from file", "from file")
    monkeypatch.setenv("COMET_PROJECT_NAME", "from environment")
    monkeypatch.setenv("COMET_WORKSPACE", "from environment")
    assert (project(SILENT), workspace(SILENT)) == ("from environment", "from environment")
    configured = replace(SILENT, project="from config", workspace="from config")
    assert (project(configured), workspace(configured)) == ("from config", "from config")


def test_comet_config_names_another_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_in_file(home / "other", project_name="theirs")
    monkeypatch.setenv("COMET_CONFIG", str(home / "other"))
    assert project(SILENT) == "theirs"


@pytest.mark.parametrize("value", ["0", "false", "no"])
def test_comet_start_online_keeps_runs_offline(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", KEY)
    assert mode(SILENT) == "live" and why_offline(SILENT) is None
    monkeypatch.setenv("COMET_START_ONLINE", value)
    assert mode(SILENT) == "offline" and why_offline(SILENT) == "COMET_START_ONLINE"
    assert mode(replace(SILENT, mode="upload")) == "upload"
    monkeypatch.setenv("COMET_START_ONLINE", "1")
    assert mode(SILENT) == "live"
    assert why_offline(replace(SILENT, mode="offline")) == "tracker.mode=offline"


def test_no_mode_sends_anything_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", "")
    for chosen in ("live", "upload", None):
        assert mode(replace(SILENT, mode=chosen)) == "offline"
    assert why_offline(SILENT) == "Comet has no key"


def test_runs_of_a_sweep_keep_what_tells_them_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_EXPERIMENT_NAME", "foo")
    assert names_of(track(tmp_path / "run", is_of_sweep=True)) == ["foo · batch_size=8 · seed 0"]
    ended = comet_alone(SILENT, tmp_path / "run" / "comet", "study x").end()
    assert names_of(tmp_path / "run" / str(ended[COMET]["archive"])) == ["foo · study x"]
    monkeypatch.setenv("COMET_EXPERIMENT_NAME", "")
    assert experiment_name("batch_size=8", is_of_sweep=False) == "batch_size=8"


def test_an_addition_does_not_rename_its_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_EXPERIMENT_NAME", "foo")
    archive = track(tmp_path / "run", is_of_sweep=True)
    addition = CometTracker(SILENT, tmp_path / "run" / "comet", continues=archive.stem).end()
    assert names_of(tmp_path / "run" / str(addition["archive"])) == []


def test_comet_experiment_key_never_makes_two_runs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = "a" * 40
    monkeypatch.setenv("COMET_EXPERIMENT_KEY", given)
    archives = [track(tmp_path / name) for name in ("first", "second")]
    keys = {read_archive(archive)[0]["offline_id"] for archive in archives}
    assert len(keys) == 2 and given not in keys and {archive.stem for archive in archives} == keys
    warnings = [record for record in caplog.records if "COMET_EXPERIMENT_KEY" in record.message]
    assert [(record.levelno, record.message) for record in warnings] == [
        (logging.WARNING, "COMET_EXPERIMENT_KEY is ignored: every run is a separate experiment")
    ]


def test_runs_that_share_a_folder_leave_each_other_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "archives"
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(own))
    failed = CometTracker(SILENT, own, "first")
    note = own / f"{failed._experiment.id}-note.zip"
    other = CometTracker(SILENT, own, "second")
    note.touch()
    other_archive = Path(str(other.started["archive"]))
    failed.discard()
    assert sorted(own.glob("*.zip")) == sorted([note, other_archive])
    assert other.end() == {"archive": str(other_archive)} and names_of(other_archive) == ["second"]


def test_a_relative_folder_counts_from_the_current_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", "archives")
    assert own_folder() == archive_folder(home / "run") == home / "archives"
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", "~/archives")
    assert own_folder() == home / "archives"
    assert is_own_folder(Path("archives")) and not is_own_folder(home)
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", "")
    assert own_folder() is None and archive_folder(home / "run") == home / "run" / "comet"


def test_a_record_names_archives_in_two_folders_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, own = tmp_path / "run", tmp_path / "archives"
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(own))
    assert recorded_archive("comet/a.zip", run) == run / "comet" / "a.zip"
    assert recorded_archive(str(own / "a.zip"), run) == own / "a.zip"
    nothing = (None, 1, "", "a.zip", "comet", "comet/..", "comet/../a.zip", "comet/b/a.zip", "b/a.zip", "\0")
    for recorded in (*nothing, str(own / ".."), str(own / ".." / "a.zip")):
        assert recorded_archive(recorded, run) is None
    elsewhere = [tmp_path / "a.zip", own / "b" / "a.zip", own, Path("/")]
    for path in elsewhere:
        with pytest.raises(InputError, match=r"run: its archive is .*; only with COMET_OFFLINE_DIRECTORY="):
            recorded_archive(str(path), run)
    monkeypatch.delenv("COMET_OFFLINE_DIRECTORY")
    with pytest.raises(InputError, match="only with COMET_OFFLINE_DIRECTORY="):
        recorded_archive(str(own / "a.zip"), run)


def test_an_archive_in_the_users_folder_is_recorded_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(tmp_path / "archives"))
    archive = track(tmp_path / "run")
    assert archive.is_absolute() and recorded_archive(str(archive), tmp_path / "run") == archive


def test_a_setting_that_cannot_be_read_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_START_ONLINE", "maybe")
    with pytest.raises(InputError) as error:
        mode(SILENT)
    assert "COMET_START_ONLINE" in str(error.value) and "'maybe'" in str(error.value)
    assert "\n" not in str(error.value)
    (home / ".comet.config").write_bytes(b"[comet]\nproject_name = \xff\n")
    with pytest.raises(InputError, match=r"COMET_OFFLINE_DIRECTORY or \.comet\.config cannot be read"):
        own_folder()


def test_no_module_imports_a_trackers_package_by_itself() -> None:
    code = """
import sys
import musicgen.config, musicgen.tracking.comet, musicgen.tracking.tensorboard
from musicgen.tracking.tracker import TrackedRun, Trackers
from musicgen.tracking.trackers import openers
config = musicgen.tracking.config.TrackerConfig(
    {"comet": False}, None, None, None, [], audio="mp3", log_model=False, upload_timeout_seconds=1.0
)
assert Trackers(openers(config, TrackedRun(None, "name"))).end() == {}
sys.exit(" ".join({"comet_ml", "tensorboard"} & sys.modules.keys()) or None)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
