from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.run.experiment import open_trackers
from musicgen.tracking.config import COMET
from tests.tracking.test_comet_settings import names_of


def test_a_trial_stopped_early_is_not_an_experiment(tmp_path: Path) -> None:
    config = compose_config(["+training.stop_iteration=10"])
    assert open_trackers(config, tmp_path, "oneills", []).end() == {}


def test_only_runs_of_a_sweep_add_their_names_to_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_EXPERIMENT_NAME", "foo")
    (tmp_path / "multirun.yaml").write_text("_target_: musicgen.sweep.x\n", encoding="utf-8")
    config, names = compose_config(["tracker=offline"]), []
    for directory in (tmp_path / "baseline" / "seed=0", tmp_path / "a" / "b" / "c" / "run"):
        directory.mkdir(parents=True)
        trackers = open_trackers(config, directory, "oneills", ["model=gru", "seed=0"])
        names += names_of(directory / str(trackers.end()[COMET]["archive"]))
    assert names == ["foo · model=gru · seed 0", "foo"]
