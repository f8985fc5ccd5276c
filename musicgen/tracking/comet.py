"""Comet: writes an offline archive of every run. Only outbox.py uses the network."""

import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from musicgen.system.files import remove_file
from musicgen.tracking.archive import problem_of
from musicgen.tracking.config import DEFAULT_PROJECT, TrackerConfig

log = logging.getLogger(__name__)

_WRITER_POLL_SECONDS = 0.02

_Arguments = ParamSpec("_Arguments")


def _never_fail(
    method: Callable[Concatenate["CometTracker", _Arguments], None],
) -> Callable[Concatenate["CometTracker", _Arguments], None]:
    """Turn an exception of Comet into a warning, remember it, and skip all later calls."""

    @functools.wraps(method)
    def guarded(self: "CometTracker", *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        if self._error is not None:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self._error = f"{method.__name__}: {error}"
            log.warning("Comet failed and is switched off for this run: %s", self._error)

    return guarded


def forbid_patching() -> None:
    """Stop comet_ml from patching torch and reporting errors to others; call before importing it."""
    os.environ.setdefault("COMET_DISABLE_AUTO_LOGGING", "1")
    os.environ.setdefault("COMET_ERROR_TRACKING_ENABLE", "false")


class CometTracker:
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
        self._config = config
        self._folder = folder
        self._continues = continues
        self._error: str | None = None
        self._experiment: Any = None
        self._archives_before: set[Path] = set()
        self._start(name, tags)

    @_never_fail
    def _start(self, name: str | None, tags: Sequence[str]) -> None:
        forbid_patching()
        import comet_ml

        # Comet warns that an addition has no name, but its experiment has one.
        level = logging.WARNING if self._continues is None else logging.ERROR
        logging.getLogger("comet_ml").setLevel(level)
        self._folder.mkdir(exist_ok=True)
        self._archives_before = set(self._folder.glob("*.zip"))
        settings: dict[str, Any] = {
            "project_name": self._config.project or _project_of_settings() or DEFAULT_PROJECT,
            "workspace": self._config.workspace,
            "offline_directory": str(self._folder),
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
        if self._continues is None:
            self._experiment = comet_ml.OfflineExperiment(**settings)
        else:
            self._experiment = comet_ml.ExistingOfflineExperiment(**settings, experiment_key=self._continues)
        if name is not None:
            self._experiment.set_name(name)
        if self._continues is None:
            self._experiment.add_tags([*self._config.tags, *tags])

    @_never_fail
    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Log the config as flat parameters with dotted names; lists become text."""
        self._experiment.log_parameters(dict(_flat(config)))

    @_never_fail
    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Log values, leaving out those that are None."""
        measured = {name: value for name, value in metrics.items() if value is not None}
        self._experiment.log_metrics(measured, step=iteration)

    @_never_fail
    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        self._experiment.log_audio(str(path), file_name=path.name, metadata=dict(metadata))

    @_never_fail
    def log_image(self, path: Path) -> None:
        self._experiment.log_image(str(path), name=path.name)

    @_never_fail
    def log_file(self, path: Path) -> None:
        self._experiment.log_asset(str(path), file_name=path.name)

    @_never_fail
    def log_text(self, text: str, metadata: Mapping[str, object]) -> None:
        self._experiment.log_text(text, metadata=dict(metadata))

    def end(self) -> Mapping[str, object]:
        """Write the archive and check it, because Comet does not report a full disk.

        A damaged archive is removed; everything it should contain is still in the run's directory.
        """
        failure, self._error = self._error, None
        self._end_experiment()
        archives = sorted(set(self._folder.glob("*.zip")) - self._archives_before)
        problem = failure or self._error or (None if archives else "no archive was written")
        if problem is None and (damage := problem_of(archives[-1])):
            problem = f"the archive {damage}"
            log.warning("no archive for Comet: it %s", damage)
        if problem is None:
            return {"kind": "comet", "archive": f"{self._folder.name}/{archives[-1].name}"}
        for archive in archives:
            remove_file(archive)
        return {"kind": "comet", "error": problem}

    @_never_fail
    def _end_experiment(self) -> None:
        if self._experiment is None:
            return
        # Comet's writer thread checks whether to stop only when it has waited a second for messages, unless
        # this attribute says otherwise. The message below wakes it from its current wait.
        writer = self._experiment.streamer
        if writer is not None:
            writer.queue_timeout = _WRITER_POLL_SECONDS
            # Interval in which it checks twenty times whether everything is written.
            writer._wait_for_finish_sleep_interval = _WRITER_POLL_SECONDS
        self._experiment.log_other("ended", True)
        self._experiment.end()


def _flat(config: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, value in config.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", str(value) if isinstance(value, list) else value))
    return pairs


def _project_of_settings() -> str | None:
    """The project named by the environment or by .comet.config."""
    from comet_ml.config.config_api import get_config

    return get_config().get_string(None, "comet.project_name", not_set_value=None)


def has_key() -> bool:
    """Whether Comet has a key, from any of its sources."""
    from comet_ml.config.config_api import get_config

    return bool(get_config().get_string(None, "comet.api_key", not_set_value=None))
