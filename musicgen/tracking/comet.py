"""Comet: writes an offline archive of every run. Only outbox.py uses the network."""

import glob
import logging
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from musicgen.errors import InputError
from musicgen.system.compression import compress
from musicgen.system.files import remove_file
from musicgen.tracking.archive import problem_of
from musicgen.tracking.comet_settings import (
    forbid_patching,
    is_own_folder,
    project,
    recorded_name,
    warn_of_experiment_key,
    workspace,
)
from musicgen.tracking.config import TrackerConfig
from musicgen.tracking.tracker import Tracker, flat

log = logging.getLogger(__name__)

_WRITER_POLL_SECONDS = 0.02
_starting = threading.Lock()
_QUIET: Mapping[str, Any] = {
    "log_code": False,
    "log_graph": False,
    "auto_param_logging": False,
    "auto_metric_logging": False,
    "auto_output_logging": False,
    "parse_args": False,
    "log_env_details": False,
    "log_git_metadata": False,
    "log_git_patch": False,
    "display_summary_level": 0,
}
"""Settings of an experiment that logs nothing by itself."""
_AUDIO_COMPRESSION = 0.5
"""From 0 (best quality) to 1 (smallest file)."""
_COMPRESSED = (".mp3", ".ogg")
_MODEL = "weights"
"""The name of the model of every run."""


class CometTracker(Tracker):
    """An offline experiment, or an addition to one."""

    def __init__(
        self,
        config: TrackerConfig,
        folder: Path,
        name: str | None = None,
        tags: Sequence[str] = (),
        *,
        key: str | None = None,
        continues: str | None = None,
    ) -> None:
        """key: of the experiment, by default a new one; continues: of one to add to, in a second archive.

        Comet accepts the addition once the experiment's own archive has been uploaded.
        """
        self._folder, self._audio = folder, config.audio
        forbid_patching()
        import comet_ml

        # Comet warns that an addition has no name, but its experiment has one.
        level = logging.WARNING if continues is None else logging.ERROR
        logging.getLogger("comet_ml").setLevel(level)
        # The user's own folder may not exist yet; that of a run is in a folder that does.
        self._folder.mkdir(parents=is_own_folder(self._folder), exist_ok=True)
        # Always a key of our own: COMET_EXPERIMENT_KEY would make all runs one experiment.
        key = continues or key or uuid.uuid4().hex
        # Other experiments may write to this folder at the same time. Comet appends to an addition's name.
        self._pattern = glob.escape(key) + (".zip" if continues is None else "-*.zip")
        self._archives_before = set(self._folder.glob(self._pattern))
        kind = comet_ml.OfflineExperiment if continues is None else comet_ml.ExistingOfflineExperiment
        self._experiment = new_experiment(
            kind, config, offline_directory=str(self._folder), experiment_key=key
        )
        if name is not None:
            self._experiment.set_name(name)
        if continues is None:
            warn_of_experiment_key()
            self._experiment.add_tags([*config.tags, *tags])

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Log the config as flat parameters with dotted names; lists become text."""
        self._experiment.log_parameters(dict(flat(config)))

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Log values, leaving out those that are None."""
        measured = {name: value for name, value in metrics.items() if value is not None}
        self._experiment.log_metrics(measured, step=iteration)

    def log_facts(self, facts: Mapping[str, object]) -> None:
        """Log facts as what Comet calls "others", leaving out those that are None."""
        self._experiment.log_others({name: value for name, value in facts.items() if value is not None})

    def log_tags(self, tags: Sequence[str]) -> None:
        """Add the tags."""
        self._experiment.add_tags(list(tags))

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Log the sound in the format of the config. Sounds that are compressed already stay as they are."""
        with _as_sent(path, self._audio) as sent:
            # Comet copies the file before it returns.
            self._experiment.log_audio(str(sent), file_name=sent.name, metadata=dict(metadata))

    def log_image(self, path: Path) -> None:
        """Log the picture under its own name."""
        self._experiment.log_image(str(path), name=path.name)

    def log_file(self, path: Path) -> None:
        """Log the file as an asset."""
        self._experiment.log_asset(str(path), file_name=path.name)

    def log_table(self, path: Path) -> None:
        """Log the CSV file as a table."""
        self._experiment.log_table(str(path))

    def log_page(self, html: str) -> None:
        """Show the page in the HTML tab, instead of an earlier one."""
        self._experiment.log_html(html, clear=True)

    def log_model(self, path: Path) -> None:
        """Log the weights as the model of the run."""
        self._experiment.log_model(_MODEL, str(path))

    def log_text(self, text: str, metadata: Mapping[str, object]) -> None:
        """Log the text with its metadata."""
        self._experiment.log_text(text, metadata=dict(metadata))

    @property
    def started(self) -> Mapping[str, object]:
        """The archive, which is empty until the run ends."""
        archives = self._archives()
        return {"archive": recorded_name(archives[-1])} if archives else {}

    def end(self) -> Mapping[str, object]:
        """Write the archive and check it, because Comet does not report a full disk.

        A damaged archive is removed; everything it should contain is still in the run's directory. Raises
        InputError if the archive is damaged or was not written.
        """
        try:
            self._end_experiment()
        except Exception:
            self._remove_archives()
            raise
        archives = self._archives()
        damage = problem_of(archives[-1]) if archives else "was not written"
        if damage:
            self._remove_archives()
            raise InputError(f"the archive {damage}")
        return {"archive": recorded_name(archives[-1])}

    def discard(self) -> None:
        """End without an archive."""
        with suppress(Exception):
            self._end_experiment()
        self._remove_archives()

    def _archives(self) -> list[Path]:
        return sorted(set(self._folder.glob(self._pattern)) - self._archives_before)

    def _remove_archives(self) -> None:
        for archive in self._archives():
            remove_file(archive)

    def _end_experiment(self) -> None:
        # Comet's writer thread checks whether to stop only when it has waited a second for messages, unless
        # this attribute says otherwise. The message below wakes it from its current wait.
        writer = self._experiment.streamer
        if writer is not None:
            writer.queue_timeout = _WRITER_POLL_SECONDS
            # Interval in which it checks twenty times whether everything is written.
            writer._wait_for_finish_sleep_interval = _WRITER_POLL_SECONDS
        self._experiment.log_other("ended", True)
        self._experiment.end()


def new_experiment(kind: Any, config: TrackerConfig, **settings: Any) -> Any:
    """An experiment of one of Comet's classes that logs nothing by itself and leaves all others open."""
    from comet_ml.config.config_api import get_global_experiment, set_global_experiment

    with _starting:
        # Comet ends the global experiment, such as one of the user's own notebook, when another starts.
        before = get_global_experiment()
        set_global_experiment(None)
        try:
            return kind(**_QUIET, project_name=project(config), workspace=workspace(config), **settings)
        finally:
            set_global_experiment(before)


@contextmanager
def _as_sent(sound: Path, form: str) -> Iterator[Path]:
    """The sound in the format that Comet gets, in a temporary file if it has to be made."""
    if form == "wav" or sound.suffix in (f".{form}", *_COMPRESSED):
        yield sound
        return
    with tempfile.TemporaryDirectory(prefix="musicgen-comet-", ignore_cleanup_errors=True) as folder:
        try:
            # Most instruments have the same sound on both sides. MP3 in mono takes 60 % of the time.
            is_mono = form == "mp3"
            made = compress(sound, _AUDIO_COMPRESSION, mono=is_mono, suffix=f".{form}", folder=Path(folder))
        except (OSError, RuntimeError) as error:
            log.warning("%s goes to Comet as it is, because it cannot be compressed: %s", sound, error)
            made = sound
        yield made
