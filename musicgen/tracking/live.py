"""Comet's experiment of a run that is under way, in a process of its own.

Comet's online experiment can block for half a minute when it starts, and for hours when it ends. So no
training calls it: another process reads the run's files (see run/live.py) and waits for Comet in its place.
"""

import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from musicgen.tracking.comet import QUIET, CometTracker, forbid_patching, project_of
from musicgen.tracking.config import TrackerConfig

_starting = threading.Lock()
_LIMITS = {
    "COMET_TIMEOUT_CLEANING": "10",
    "COMET_TIMEOUT_UPLOAD": "10",
    "COMET_MESSAGE_BATCH_METRIC_INTERVAL": "1",
}
"""Seconds that the end of an experiment may take, and between two batches of points."""


class LiveExperiment(CometTracker):
    """An online experiment that may exist already; several can be open at a time."""

    def __init__(self, config: TrackerConfig, key: str, name: str, tags: Sequence[str]) -> None:
        """Start it; raises ConnectionError if Comet cannot be reached or does not accept it."""
        forbid_patching()
        for variable, seconds in _LIMITS.items():
            os.environ.setdefault(variable, seconds)
        import comet_ml
        from comet_ml.config.config_api import set_global_experiment

        # For the archive that Comet writes when it loses the connection. The run's own one has everything.
        self._fallback = tempfile.TemporaryDirectory(prefix="musicgen-live-", ignore_cleanup_errors=True)
        with _starting:
            # A new experiment ends the global one.
            set_global_experiment(None)
            self._experiment = comet_ml.Experiment(
                **QUIET,
                project_name=project_of(config),
                workspace=config.workspace,
                experiment_key=key,
                enable_get_or_create_mode=True,
                offline_directory=self._fallback.name,
            )
        if not self._experiment.alive:
            self._fallback.cleanup()
            raise ConnectionError("Comet did not start the experiment")
        self._experiment.set_name(name)
        self._experiment.add_tags([*config.tags, *tags])

    @property
    def url(self) -> str:
        """Its address on Comet."""
        return self._experiment.url

    def end(self) -> Mapping[str, object]:
        """Send what is waiting, for a limited time; what does not arrive is in the run's archive."""
        with suppress(Exception):
            self._experiment.end()
        self._fallback.cleanup()
        return {}
