from pathlib import Path

from musicgen.config import compose_config
from musicgen.run.experiment import open_tracker
from musicgen.tracking.tracker import NoTracker


def test_a_trial_stopped_early_is_not_an_experiment(tmp_path: Path) -> None:
    config = compose_config(["+training.stop_iteration=10"])
    assert isinstance(open_tracker(config, tmp_path, "oneills", []), NoTracker)
