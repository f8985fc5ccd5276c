from pathlib import Path

from musicgen.config import compose_config
from musicgen.run.experiment import open_trackers


def test_a_trial_stopped_early_is_not_an_experiment(tmp_path: Path) -> None:
    config = compose_config(["+training.stop_iteration=10"])
    assert open_trackers(config, tmp_path, "oneills", []).end() == {}
