"""TensorBoard: writes RUN/tensorboard while a run trains, for `tensorboard --logdir` on a run or on many.

Only the messages come from the package tensorboard. They are written by EventFile, because the package's own
writer has a thread and takes 0.2 s for a megabyte.
"""

import io
import os
import socket
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from musicgen.system.files import refuse_link
from musicgen.tracking.event_file import EventFile
from musicgen.tracking.tracker import TrackedRun, Tracker, flat

FOLDER = "tensorboard"
MAX_AUDIO_SECONDS = 300
_PREVIEW_RATE = 22_050
"""Sounds with at least twice this rate are stored with half of theirs."""
_VERSION = "brain.Event:2"
_FINISHED = {"complete": "STATUS_SUCCESS", "failed": "STATUS_FAILURE", "diverged": "STATUS_FAILURE"}
"""Status of a run -> TensorBoard's name for it."""


class TensorBoardTracker(Tracker):
    """An event file. Of each sound it holds a smaller copy: mono, at half the rate."""

    def __init__(self, run: TrackedRun) -> None:
        """Begin the file. What an interrupted attempt wrote there stays, but is no longer shown."""
        # Protocol buffers take a moment to import.
        self._events: Any = import_module("tensorboard.compat.proto.event_pb2")
        self._summaries: Any = import_module("tensorboard.compat.proto.summary_pb2")
        self._audio: Any = import_module("tensorboard.plugins.audio.plugin_data_pb2")
        self._hparams: Any = import_module("tensorboard.plugins.hparams.plugin_data_pb2")
        self._statuses: Any = import_module("tensorboard.plugins.hparams.api_pb2")
        folder = run.directory / FOLDER
        refuse_link(folder)
        folder.mkdir(exist_ok=True)
        is_repeated = any(folder.iterdir())
        # TensorBoard reads the files of a folder in the order of their names, which must have "tfevents".
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._file = EventFile(folder / name)
        self._iteration = 0
        self._status = ""
        self._write(self._events.Event(file_version=_VERSION))
        if is_repeated:
            self._write(self._events.Event(session_log={"status": "START"}))
        self._write_text("run", "\n\n".join([run.name, *run.tags]))

    @property
    def started(self) -> Mapping[str, object]:
        """The folder, relative to the run's."""
        return {"folder": FOLDER}

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Log the config as hyperparameters with dotted names; what is neither number nor switch is text."""
        info = self._hparams.SessionStartInfo(start_time_secs=time.time())
        for name, value in flat(config):
            entry = info.hparams[name]
            if isinstance(value, bool):
                entry.bool_value = value
            elif isinstance(value, int | float):
                entry.number_value = value
            else:
                entry.string_value = str(value)
        self._write_hparams("session_start_info", info)

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Log scalars; those of the whole run at the last iteration."""
        if iteration is not None:
            self._iteration = iteration
        measured = {name: value for name, value in metrics.items() if value is not None}
        if measured:
            self._write_values(*({"tag": name, "simple_value": value} for name, value in measured.items()))

    def log_facts(self, facts: Mapping[str, object]) -> None:
        """Log a table of the facts; the status also marks the run among the hyperparameters."""
        self._status = str(facts.get("status", self._status))
        self._write_text("facts", _table(facts))

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Log a smaller copy of the sound, described by its metadata; if it is too long, only its name."""
        if (wav := _preview(path)) is None:
            self._write_text(_tag(path), f"{path.name} is longer than {MAX_AUDIO_SECONDS} s")
            return
        encoding = self._audio.AudioPluginData(encoding="WAV").SerializeToString()
        self._write_strings(_tag(path), "audio", [[wav, b""]], encoding, _table(metadata))

    def log_image(self, path: Path) -> None:
        """Log a PNG; TensorBoard shows no SVG."""
        if path.suffix == ".png":
            from PIL import Image

            with Image.open(path) as picture:
                sides = [str(side).encode() for side in picture.size]
            self._write_strings(_tag(path), "images", [*sides, path.read_bytes()])

    def log_text(self, text: str, metadata: Mapping[str, object]) -> None:
        """Log the text and a table of its metadata."""
        self._write_text("text", f"{text}\n\n{_table(metadata)}")

    def end(self) -> Mapping[str, object]:
        """Close the file."""
        status = self._statuses.Status.Value(_FINISHED.get(self._status, "STATUS_UNKNOWN"))
        info = self._hparams.SessionEndInfo(status=status, end_time_secs=time.time())
        try:
            self._write_hparams("session_end_info", info)
        finally:
            self._file.close()
        return self.started

    def discard(self) -> None:
        """Close the file, which ends with the last whole message."""
        self._file.close()

    def _write_hparams(self, name: str, content: Any) -> None:
        data = self._hparams.HParamsPluginData(**{name: content}).SerializeToString()
        metadata = {"plugin_data": {"plugin_name": "hparams", "content": data}}
        # The tensor is not read, but must be there.
        empty = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 0}]}}
        self._write_values({"tag": f"_hparams_/{name}", "metadata": metadata, "tensor": empty})

    def _write_text(self, tag: str, markdown: str) -> None:
        self._write_strings(f"{tag}/text_summary", "text", [markdown.encode()])

    def _write_strings(
        self,
        tag: str,
        plugin: str,
        values: list[bytes] | list[list[bytes]],
        content: bytes = b"",
        description: str = "",
    ) -> None:
        """Write what a part of TensorBoard shows; each part has its own way to put that into strings."""
        strings = np.array(values, object)
        shape = {"dim": [{"size": size} for size in strings.shape]}
        tensor = {"dtype": "DT_STRING", "string_val": strings.ravel().tolist(), "tensor_shape": shape}
        data = {"plugin_name": plugin, "content": content}
        metadata = {"plugin_data": data, "summary_description": description}
        self._write_values({"tag": tag, "metadata": metadata, "tensor": tensor})

    def _write_values(self, *values: Mapping[str, Any]) -> None:
        summary = self._summaries.Summary(value=values)
        self._write(self._events.Event(step=self._iteration, summary=summary))

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._file.append(event.SerializeToString())


def _tag(path: Path) -> str:
    """With the suffix: a sound and a picture of one tune must not share a tag."""
    return f"{path.parent.name}/{path.name}"


def _preview(path: Path) -> bytes | None:
    """The sound in mono as 16-bit WAV, at half its rate if that is enough; None if it is too long."""
    import soundfile

    info = soundfile.info(path)
    if info.duration > MAX_AUDIO_SECONDS:
        return None
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate >= 2 * _PREVIEW_RATE:
        rate //= 2
        mono = mono[: len(mono) // 2 * 2].reshape(-1, 2).mean(axis=1)
    wav = io.BytesIO()
    soundfile.write(wav, mono, rate, format="WAV", subtype="PCM_16")
    return wav.getvalue()


def _table(values: Mapping[str, object]) -> str:
    """The values as a table in Markdown; line ends and bars would break it."""
    rows = [
        " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in row) for row in values.items()
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {row} |" for row in rows)])
