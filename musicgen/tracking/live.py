"""Comet's experiment of a run that is under way, in a separate process.

Comet's online experiment can block for half a minute when it starts, and for hours when it ends. So no
training calls it: another process reads the run's files (see run/live.py) and waits for Comet in its place.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from musicgen.tracking.comet import CometTracker, new_experiment
from musicgen.tracking.comet_settings import experiment_name, forbid_patching
from musicgen.tracking.config import TrackerConfig
from musicgen.tracking.tracker import TrackedRun

_LIMITS = {
    "COMET_TIMEOUT_CLEANING": "10",
    "COMET_TIMEOUT_UPLOAD": "10",
    "COMET_MESSAGE_BATCH_METRIC_INTERVAL": "1",
    "COMET_MESSAGE_BATCH_PARAMETERS_INTERVAL": "1",
}
"""Seconds that the end of an experiment may take, and between two batches of points or parameters."""


class LiveExperiment(CometTracker):
    """An online experiment that may exist already; several can be open at a time."""

    def __init__(self, config: TrackerConfig, key: str, run: TrackedRun) -> None:
        """Start it; raises ConnectionError if Comet cannot be reached or does not accept it."""
        forbid_patching()
        for variable, seconds in _LIMITS.items():
            os.environ.setdefault(variable, seconds)
        import comet_ml

        # For the archive that Comet writes when it loses the connection. The run's own one has everything.
        self._fallback = tempfile.TemporaryDirectory(prefix="musicgen-live-", ignore_cleanup_errors=True)
        self._experiment = new_experiment(
            comet_ml.Experiment,
            config,
            experiment_key=key,
            enable_get_or_create_mode=True,
            offline_directory=self._fallback.name,
        )
        if not self._experiment.alive:
            self._fallback.cleanup()
            raise ConnectionError("Comet did not start the experiment")
        self._experiment.set_name(experiment_name(run.name, is_of_sweep=run.is_of_sweep))
        self._experiment.add_tags([*config.tags, *run.tags])

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
