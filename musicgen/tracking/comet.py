"""Comet: writes an offline archive of every run. Only outbox.py uses the network."""

import glob
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from musicgen.errors import InputError
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
from musicgen.tracking.comet_settings import has_key as has_key
from musicgen.tracking.config import TrackerConfig
from musicgen.tracking.tracker import Tracker, flat

log = logging.getLogger(__name__)

_WRITER_POLL_SECONDS = 0.02


class CometTracker(Tracker):
    """An offline experiment, or an addition to one."""

    def __init__(
        self,
        config: TrackerConfig,
        folder: Path,
        name: str | None = None,
        tags: Sequence[str] = (),
        *,
        continues: str | None = None,
    ) -> None:
        """continues: the key of an experiment to add to, in a second archive.

        Comet accepts the addition once the experiment's own archive has been uploaded.
        """
        self._folder = folder
        forbid_patching()
        import comet_ml

        # Comet warns that an addition has no name, but its experiment has one.
        level = logging.WARNING if continues is None else logging.ERROR
        logging.getLogger("comet_ml").setLevel(level)
        # The user's own folder may not exist yet; that of a run is in a folder that does.
        self._folder.mkdir(parents=is_own_folder(self._folder), exist_ok=True)
        # Always a key of our own: COMET_EXPERIMENT_KEY would make all runs one experiment.
        key = continues or uuid.uuid4().hex
        # Other experiments may write to this folder at the same time. Comet appends to an addition's name.
        self._pattern = glob.escape(key) + (".zip" if continues is None else "-*.zip")
        self._archives_before = set(self._folder.glob(self._pattern))
        settings: dict[str, Any] = {
            "project_name": project(config),
            "workspace": workspace(config),
            "offline_directory": str(self._folder),
            "log_code": False,
            "log_graph": False,
            "auto_param_logging": False,
            "auto_metric_logging": False,
            "auto_output_logging": False,
            "parse_args": False,
            # It would also give every addition the name in COMET_EXPERIMENT_NAME, and rename its experiment.
            "log_env_details": False,
            "log_git_metadata": False,
            "log_git_patch": False,
            "display_summary_level": 0,
            "experiment_key": key,
        }
        kind = comet_ml.OfflineExperiment if continues is None else comet_ml.ExistingOfflineExperiment
        self._experiment: Any = kind(**settings)
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

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        self._experiment.log_audio(str(path), file_name=path.name, metadata=dict(metadata))

    def log_image(self, path: Path) -> None:
        self._experiment.log_image(str(path), name=path.name)

    def log_file(self, path: Path) -> None:
        self._experiment.log_asset(str(path), file_name=path.name)

    def log_text(self, text: str, metadata: Mapping[str, object]) -> None:
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
