import errno
import io
import json
import os
import tempfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pytest
import soundfile

from musicgen.errors import InputError
from musicgen.system.compression import compress
from musicgen.tracking.comet import CometTracker
from musicgen.tracking.config import COMET, TrackerConfig
from musicgen.tracking.trackers import comet_alone

CONFIG = TrackerConfig(
    log_to={COMET: True},
    mode="offline",
    project="tests",
    workspace=None,
    tags=["always"],
    audio="wav",
    log_model=False,
    upload_timeout_seconds=2.0,
)


def read_archive(path: Path) -> tuple[dict, list[dict], dict[str, bytes]]:
    """The experiment, the messages, and the files by their opaque names."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    experiment = json.loads(content.pop("experiment.json"))
    messages = [json.loads(line) for line in content.pop("messages.json").splitlines()]
    return experiment, messages, content


def payloads(messages: list[dict], kind: str) -> list[dict]:
    return [message["payload"] for message in messages if message["type"] == kind]


def others(messages: list[dict]) -> dict[str, object]:
    """What Comet calls others; of one that was logged twice, the last value."""
    return {payload["key"]: payload["value"] for payload in payloads(messages, "log_other")}


def points(messages: list[dict]) -> dict[str, list[tuple[int | None, float]]]:
    """Name of a metric -> its points, as step and value."""
    found: dict[str, list[tuple[int | None, float]]] = {}
    for payload in payloads(messages, "metric_msg"):
        metric = payload["metric"]
        found.setdefault(metric["metricName"], []).append((metric["step"], metric["metricValue"]))
    return found


def assets(messages: list[dict], files: dict[str, bytes]) -> dict[str, tuple[str, bytes, dict]]:
    """File name -> its kind, content and metadata."""
    found = {}
    for payload in payloads(messages, "file_upload"):
        parameters = payload["additional_params"]
        name = parameters.get("fileName") or parameters["figName"]
        assert name not in found
        found[name] = (payload["upload_type"], files[payload["file_path"]], payload["metadata"])
    return found


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A second of a tone, the same on both sides."""
    path = tmp_path / "000.wav"
    tone = 0.3 * np.sin(np.arange(44100) / 20)
    soundfile.write(path, np.column_stack([tone, tone]), 44100)
    return path


def test_closing_an_archive_does_not_wait_a_second(tmp_path: Path) -> None:
    """Comet's writer would wait a second for another message before it checks whether to stop."""
    tracker = CometTracker(CONFIG, tmp_path / "comet", "model=gru", [])
    writer = tracker._experiment.streamer
    assert "archive" in tracker.end() and writer.queue_timeout < 0.1


def test_an_archive_has_parameters_curves_and_sound(tmp_path: Path) -> None:
    sound = tmp_path / "000.wav"
    soundfile.write(sound, 0.3 * np.sin(np.arange(4410) / 20), 44100)
    tracker = CometTracker(CONFIG, tmp_path / "comet", "model=gru", ["seed=0"])
    tracker.log_parameters({"model": {"cell": "gru"}, "sampling": {"prompts": ["X:"]}, "seed": 0})
    for iteration, loss in ((10, 2.5), (20, 1.5)):
        tracker.log_metrics({"fit/train_loss": loss, "fit/validation_loss": None}, iteration=iteration)
    tracker.log_audio(sound, {"prompt": "X:", "temperature": 0.8})
    ended = tracker.end()
    experiment, messages, files = read_archive(tmp_path / str(ended["archive"]))
    assert ended.keys() == {"archive"}
    assert set(experiment["tags"]) == {"always", "seed=0"}
    parameters = {
        message["payload"]["param"]["paramName"]: message["payload"]["param"]["paramValue"]
        for message in messages
        if message["type"] == "parameter_msg"
    }
    assert parameters.items() >= {"model.cell": "gru", "sampling.prompts": "['X:']", "seed": 0}.items()
    curve = [
        (metric["step"], metric["metricValue"])
        for metric in (
            message["payload"]["metric"] for message in messages if message["type"] == "metric_msg"
        )
        if metric["metricName"] == "fit/train_loss"
    ]
    assert curve == [(10, 2.5), (20, 1.5)]
    assert not any("validation_loss" in json.dumps(message) for message in messages)
    assert sound.read_bytes() in files.values()
    audio = next(message["payload"] for message in messages if "sampleRate" in json.dumps(message))
    assert audio["additional_params"]["fileName"] == "000.wav"
    assert "0.8" in json.dumps(audio["metadata"])


def test_facts_are_others_and_the_last_value_stays(tmp_path: Path) -> None:
    tracker = CometTracker(CONFIG, tmp_path / "comet", "name")
    tracker.log_facts({"status": "running", "error": None, "tunes_kept": 8})
    tracker.log_facts({"status": "failed", "error": "no disk"})
    tracker.log_tags(["failed"])
    experiment, messages, _ = read_archive(tmp_path / str(tracker.end()["archive"]))
    expected = {"status": "failed", "error": "no disk", "tunes_kept": 8}
    assert others(messages).items() >= expected.items()
    assert set(experiment["tags"]) == {"always", "failed"}


def test_tables_pages_and_models_are_in_the_archive(tmp_path: Path) -> None:
    table, model = tmp_path / "runs.csv", tmp_path / "end-000060.pt"
    table.write_text("seed,loss\n0,1.5\n")
    model.write_bytes(b"weights")
    tracker = CometTracker(CONFIG, tmp_path / "comet", "name")
    tracker.log_table(table)
    tracker.log_model(model)
    tracker.log_page("<h1>First</h1>")
    tracker.log_page("<h1>Effects</h1>")
    _, messages, files = read_archive(tmp_path / str(tracker.end()["archive"]))
    found = assets(messages, files)
    assert found["runs.csv"][:2] == ("asset", table.read_bytes())
    assert found["end-000060.pt"][:2] == ("model-element", b"weights")
    assert payloads(messages, "htmlOverride")[-1]["htmlOverride"] == "<h1>Effects</h1>"
    assert table.is_file() and model.is_file()


@pytest.mark.parametrize(
    ("form", "kind", "channels"), [("mp3", "MP3", 1), ("flac", "FLAC", 2), ("wav", "WAV", 2)]
)
def test_the_config_says_in_which_format_comet_gets_songs(
    form: Literal["mp3", "flac", "wav"], kind: str, channels: int, wav: Path, tmp_path: Path, temporary: Path
) -> None:
    before = wav.read_bytes()
    tracker = CometTracker(replace(CONFIG, audio=form), tmp_path / "comet", "name")
    tracker.log_audio(wav, {"tune": 0, "title": "The Lark"})
    made_by_us = list(temporary.glob("musicgen-*"))
    _, messages, files = read_archive(tmp_path / str(tracker.end()["archive"]))
    ((name, (_, content, metadata)),) = assets(messages, files).items()
    sound = soundfile.info(io.BytesIO(content))
    assert (name, sound.format, sound.channels) == (f"000.{form}", kind, channels)
    assert sound.duration == pytest.approx(1.0, abs=0.1) and metadata["title"] == "The Lark"
    assert len(content) < len(before) / 3 or form == "wav"
    assert made_by_us == [] and wav.read_bytes() == before


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("suffix", [".ogg", ".mp3", ".flac"])
def test_a_sound_in_a_format_for_comet_is_not_made_again(suffix: str, wav: Path, tmp_path: Path) -> None:
    sound = compress(wav, 0.5, mono=True, suffix=suffix)
    audio: Literal["mp3", "flac"] = "flac" if suffix == ".flac" else "mp3"
    tracker = CometTracker(replace(CONFIG, audio=audio), tmp_path / "comet", "name")
    tracker.log_audio(sound, {})
    _, messages, files = read_archive(tmp_path / str(tracker.end()["archive"]))
    assert assets(messages, files)[sound.name][1] == sound.read_bytes()


def test_a_sound_that_cannot_be_compressed_goes_as_it_is(
    tmp_path: Path, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tmp_path / "000.wav"
    damaged.write_bytes(b"RIFF")
    tracker = CometTracker(replace(CONFIG, audio="mp3"), tmp_path / "comet", "name")
    tracker.log_audio(damaged, {})
    assert list(temporary.glob("musicgen-*")) == [] and "goes to Comet as it is" in caplog.text
    _, messages, files = read_archive(tmp_path / str(tracker.end()["archive"]))
    assert assets(messages, files)["000.wav"][1] == b"RIFF"


def test_two_runs_of_one_process_do_not_mix(tmp_path: Path) -> None:
    archives = []
    for name in ("first", "second"):
        tracker = CometTracker(CONFIG, tmp_path / name, name, [])
        tracker.log_metrics({name: 1.0})
        archives.append(read_archive(tmp_path / name / Path(str(tracker.end()["archive"])).name)[1])
    assert '"first"' in json.dumps(archives[0]) and '"first"' not in json.dumps(archives[1])


def test_an_error_of_comet_ends_only_the_tracking(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "blocked").touch()
    blocked = comet_alone(CONFIG, tmp_path / "blocked", "name", [])
    blocked.log_metrics({"a": 1.0})
    assert str(blocked.end()[COMET]["error"]).startswith("start: ")
    assert [record.message for record in caplog.records if "switched off" in record.message] == [
        f"the tracker comet failed and is switched off for this run: start: [Errno 17] File exists: "
        f"'{tmp_path / 'blocked'}'"
    ]


def test_a_full_disk_is_reported_and_leaves_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = CometTracker(CONFIG, tmp_path / "comet", "name", [])
    tracker.log_metrics({"loss": 1.0})

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "write", refuse)
    with pytest.raises(InputError, match="the archive is incomplete"):
        tracker.end()


def test_a_failed_experiment_is_still_ended(tmp_path: Path) -> None:
    """Otherwise its thread would keep running, and mix with the next experiment of this process."""
    before = threading.active_count()
    tracker = comet_alone(CONFIG, tmp_path / "comet", "name", [])
    assert threading.active_count() > before
    tracker.log_image(cast(Path, None))
    assert "log_image: " in str(tracker.end()[COMET]["error"])
    assert threading.active_count() == before
    assert not list((tmp_path / "comet").glob("*.zip"))


def test_files_that_comet_could_not_copy_are_reported(tmp_path: Path) -> None:
    tracker = CometTracker(CONFIG, tmp_path / "comet", "name", [])
    picture = tmp_path / "plot.png"
    picture.write_bytes(b"picture")
    tracker._experiment.streamer.message_handler.tmp_dir = str(tmp_path / "gone")
    tracker.log_image(picture)
    with pytest.raises(InputError, match="lacks a file"):
        tracker.end()


@pytest.mark.parametrize(
    ("named", "in_environment", "project"),
    [(None, "mine", "mine"), ("tests", "mine", "tests"), (None, None, "musicgen")],
)
def test_the_config_overrides_comets_own_project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str | None,
    in_environment: str | None,
    project: str,
) -> None:
    monkeypatch.delenv("COMET_PROJECT_NAME", raising=False)
    if in_environment is not None:
        monkeypatch.setenv("COMET_PROJECT_NAME", in_environment)
    ended = CometTracker(replace(CONFIG, project=named), tmp_path / "comet").end()
    experiment, _, _ = read_archive(tmp_path / str(ended["archive"]))
    assert experiment["project_name"] == project
