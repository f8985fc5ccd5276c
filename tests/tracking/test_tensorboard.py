"""Event files, read back with TensorBoard's own reader."""

import io
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from musicgen.errors import InputError
from musicgen.tracking import event_file, tensorboard
from musicgen.tracking.config import TENSORBOARD
from musicgen.tracking.tensorboard import TensorBoardTracker
from musicgen.tracking.tracker import TrackedRun, Trackers
from musicgen.tracking.trackers import check_trackers
from tests.full_disk import files_end_at
from tests.tracking.made_trackers import tracking_with

RATE = 44_100
audio_pb2: Any = import_module("tensorboard.plugins.audio.plugin_data_pb2")
hparams_pb2: Any = import_module("tensorboard.plugins.hparams.plugin_data_pb2")
api_pb2: Any = import_module("tensorboard.plugins.hparams.api_pb2")


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun(tmp_path, "batch_size=8 · seed 0", ("oneills", "seed=0"))


def read(run: TrackedRun) -> EventAccumulator:
    return EventAccumulator(
        str(run.directory / "tensorboard"), size_guidance={"tensors": 0, "scalars": 0}
    ).Reload()


def scalars(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(name)]


def strings(events: EventAccumulator, tag: str) -> list[list[bytes]]:
    """The strings of every value of a tag."""
    return [list(event.tensor_proto.string_val) for event in events.Tensors(tag)]


def text(events: EventAccumulator, name: str) -> str:
    """The last text of this name."""
    return strings(events, f"{name}/text_summary")[-1][0].decode()


def hparams(events: EventAccumulator, part: str) -> Any:
    content = events.SummaryMetadata(f"_hparams_/{part}").plugin_data.content
    return getattr(hparams_pb2.HParamsPluginData.FromString(content), part)


def test_curves_and_final_metrics_are_scalars(run: TrackedRun) -> None:
    tracker = TensorBoardTracker(run)
    for iteration, loss in ((10, 2.5), (20, 1.5)):
        tracker.log_metrics({"fit/train_loss": loss, "fit/validation_loss": None}, iteration=iteration)
    # A reader need not wait for the end of the run.
    assert scalars(read(run), "fit/train_loss") == [(10, 2.5), (20, 1.5)]
    tracker.log_metrics({"validity/sound_rate": 0.5, "structure/form": None})
    assert tracker.end() == {"folder": "tensorboard"} == tracker.started
    events = read(run)
    assert scalars(events, "validity/sound_rate") == [(20, 0.5)]
    assert set(events.Tags()["scalars"]) == {"fit/train_loss", "validity/sound_rate"}
    assert text(events, "run") == "batch_size=8 · seed 0\n\noneills\n\nseed=0"


def test_the_config_becomes_hyperparameters(run: TrackedRun) -> None:
    tracker = TensorBoardTracker(run)
    tracker.log_parameters(
        {"model": {"cell": "gru", "size": 64}, "seed": 0, "clean": True, "tags": ["a"], "x": None}
    )
    tracker.end()
    values = hparams(read(run), "session_start_info").hparams
    assert values["model.cell"].string_value == "gru" and values["model.size"].number_value == 64
    assert values["clean"].bool_value is True and values["tags"].string_value == "['a']"
    assert values["seed"].WhichOneof("kind") == "number_value" and values["x"].string_value == "None"


@pytest.mark.parametrize(
    ("status", "shown"),
    [("complete", "STATUS_SUCCESS"), ("diverged", "STATUS_FAILURE"), (None, "STATUS_UNKNOWN")],
)
def test_how_the_run_ended_is_shown(run: TrackedRun, status: str | None, shown: str) -> None:
    tracker = TensorBoardTracker(run)
    tracker.log_facts({"status": "running"})
    tracker.log_facts({"commit": "abc"} if status is None else {"status": status})
    tracker.end()
    assert api_pb2.Status.Name(hparams(read(run), "session_end_info").status) == shown


def test_facts_and_texts_are_tables(run: TrackedRun) -> None:
    tracker = TensorBoardTracker(run)
    tracker.log_facts({"error": "two\nlines | a bar", "dirty": False})
    tracker.log_text("The B part answers the A part.", {"by": "me"})
    tracker.end()
    events = read(run)
    head = "| | |\n|---|---|\n"
    assert text(events, "facts") == f"{head}| error | two lines \\| a bar |\n| dirty | False |"
    assert text(events, "text") == f"The B part answers the A part.\n\n{head}| by | me |"


def test_a_sound_is_a_smaller_copy_with_its_prompt(run: TrackedRun) -> None:
    path = run.directory / "000.flac"
    tone = 0.3 * np.sin(np.arange(RATE) / 20)
    soundfile.write(path, np.stack([tone, tone], axis=1), RATE)
    tracker = TensorBoardTracker(run)
    tracker.log_audio(path, {"prompt": "X:1\n", "temperature": 0.8})
    tracker.end()
    events = read(run)
    tag = f"{run.directory.name}/000.flac"
    ((wav, _),) = strings(events, tag)
    samples, rate = soundfile.read(io.BytesIO(wav))
    assert rate == RATE // 2 and samples.shape == (RATE // 2,)
    assert np.abs(samples - tone.reshape(-1, 2).mean(axis=1)).max() < 1e-3
    metadata = events.SummaryMetadata(tag)
    assert "| temperature | 0.8 |" in metadata.summary_description
    assert audio_pb2.AudioPluginData.FromString(metadata.plugin_data.content).encoding == 11  # WAV


def test_a_long_sound_is_only_named(run: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "MAX_AUDIO_SECONDS", 0.5)
    path = run.directory / "000.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    tracker = TensorBoardTracker(run)
    tracker.log_audio(path, {})
    tracker.end()
    events = read(run)
    tag = f"{run.directory.name}/000.wav"
    assert tag not in events.Tags()["tensors"] and text(events, tag) == "000.wav is longer than 0.5 s"


def test_a_picture_of_a_tune_does_not_hide_its_sound(run: TrackedRun) -> None:
    sound, picture, score = (run.directory / f"000.{suffix}" for suffix in ("wav", "png", "svg"))
    soundfile.write(sound, np.zeros(100), 8000)
    Image.new("RGB", (20, 10)).save(picture)
    score.write_text("<svg/>", encoding="utf-8")
    tracker = TensorBoardTracker(run)
    tracker.log_audio(sound, {})
    for path in (picture, score):
        tracker.log_image(path)
    tracker.end()
    events, folder = read(run), run.directory.name
    assert strings(events, f"{folder}/000.png") == [[b"20", b"10", picture.read_bytes()]]
    assert (
        f"{folder}/000.wav" in events.Tags()["tensors"]
        and f"{folder}/000.svg" not in events.Tags()["tensors"]
    )


def test_a_resumed_run_shows_each_point_once(run: TrackedRun) -> None:
    interrupted = TensorBoardTracker(run)
    for iteration in (10, 20, 30):
        interrupted.log_metrics({"fit/train_loss": 9.0}, iteration=iteration)
    interrupted.discard()
    first = {path: path.read_bytes() for path in (run.directory / "tensorboard").iterdir()}
    resumed = TensorBoardTracker(run)
    for iteration in (10, 20):
        resumed.log_metrics({"fit/train_loss": 1.0}, iteration=iteration)
    resumed.end()
    assert scalars(read(run), "fit/train_loss") == [(10, 1.0), (20, 1.0)]
    assert all(path.read_bytes() == content for path, content in first.items())


def test_a_full_disk_ends_only_the_tracker(run: TrackedRun) -> None:
    trackers = Trackers({TENSORBOARD: lambda: TensorBoardTracker(run)})
    trackers.log_metrics({"fit/train_loss": 2.5}, iteration=10)
    (path,) = (run.directory / "tensorboard").iterdir()
    size = path.stat().st_size
    with files_end_at(size + 20):
        trackers.log_metrics({"fit/train_loss": 1.5}, iteration=20)
    trackers.log_metrics({"fit/train_loss": 0.5}, iteration=30)
    assert str(trackers.end()[TENSORBOARD]["error"]).startswith("log_metrics: [Errno 27] File too large")
    assert path.stat().st_size == size
    assert scalars(read(run), "fit/train_loss") == [(10, 2.5)]


def test_a_link_is_not_followed(run: TrackedRun, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    (run.directory / "tensorboard").symlink_to(target)
    with pytest.raises(InputError, match="is a link"):
        TensorBoardTracker(run)
    assert not list(target.iterdir())


def test_checksums_are_those_of_tensorboard() -> None:
    content = bytes(range(256)) * 3
    for length in (0, 1, 7, 768):
        expected = masked_crc32c(content[:length]).to_bytes(4, "little")
        assert event_file._checksum(content[:length]) == expected


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    check_trackers(tracking_with(tensorboard=True))
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    check_trackers(tracking_with(tensorboard=False))
    with pytest.raises(InputError) as error:
        check_trackers(tracking_with(tensorboard=True))
    assert str(error.value) == (
        "tracker.log_to.tensorboard: its package is not installed: pip install 'musicgen-sweeps[tensorboard]'"
    )
