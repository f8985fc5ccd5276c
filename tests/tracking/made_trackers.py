"""Configs of trackers."""

from dataclasses import replace

from musicgen.tracking.config import TrackerConfig
from tests.tracking.test_comet import CONFIG


def tracking_with(**log_to: bool) -> TrackerConfig:
    """A config with these trackers."""
    return replace(CONFIG, log_to=log_to)
