from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import OmegaConf

from musicgen.config import parse_config
from musicgen.errors import InputError
from musicgen.run import start
from musicgen.sweep.design import StudyDesign, composer, without_hydra
from musicgen.sweep.folders import register_resolver
from musicgen.sweep.identities import with_fixed_start
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.launching import _folder_overrides, _job_configs
from musicgen.sweep.plan import PlannedRun, write_plan
from musicgen.sweep.sweeper import OneAtATimeSweeper, _missing
from musicgen.system.conf import conf_folder
from tests.sweep.test_design import arms, composed, design


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    register_resolver()
    for plugin in (OneAtATimeSweeper, ProcessLauncher):
        Plugins.instance().register(plugin)
    with initialize_config_dir(str(conf_folder())):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def studied() -> StudyDesign:
    return design(
        "study.nuisance={training.learning_rate:[0.01]}",
        "training=smoke",
        r'sampling.prompts=["X:1\nM:6/8\n"],["X:1, it\'s"]',
        "model=lstm,lab",
    )


def test_a_planned_config_is_what_hydra_composes(studied: StudyDesign, loader: ConfigLoader) -> None:
    sweep = loader.load_configuration(
        "config", ["hydra.mode=MULTIRUN", "hydra.launcher.num_jobs=3"], RunMode.MULTIRUN
    )
    directory = Path("outputs/a, b's")
    for arm in studied.arms(composer(loader, sweep)):
        run = PlannedRun(arm, next(arm.with_seeds([7])), "", "")
        composed, config = _job_configs(run, directory)
        expected = loader.load_sweep_config(sweep, [*run.overrides, *_folder_overrides(run, directory)])
        assert config is run.config
        assert OmegaConf.to_yaml(composed) == OmegaConf.to_yaml(expected)
        for name in ("sweep.dir", "sweep.subdir", "job.override_dirname"):
            assert OmegaConf.select(composed.hydra, name) == OmegaConf.select(expected.hydra, name)


def test_a_start_is_resolved_once_for_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "fixed_start", lambda config: f"{config.training.start_from}89abcdef@60")
    baseline, tuned = map(with_fixed_start, arms("training.start_from=null,01234567"))
    assert baseline.config.training.start_from is None
    fixed = "0123456789abcdef@60"
    assert next(tuned.with_seeds([3])).training.start_from == fixed and tuned.name.endswith("01234567")
    assert tuned.config.change is not None and tuned.config.change.value == fixed
    again = parse_config(without_hydra(composed(tuned.overrides)))
    assert again.training.start_from == fixed


def test_changes_of_a_fine_tuning_are_combined_and_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "fixed_start", lambda config: f"{config.training.start_from}89abcdef@60")
    found = design("training.start_from=01234567", "training.batch_size=8,32", "model.hidden_size=32,64")
    baseline, *changed = map(with_fixed_start, found.arms(composed))
    joint = found.combine(composed, baseline, changed[::3])
    assert (joint.config.training.batch_size, joint.config.model.hidden_size) == (8, 64)
    assert joint.config.training.start_from == "0123456789abcdef@60"
    assert baseline.overrides == ["training.start_from=0123456789abcdef@60"]
    confirmed = found.confirming(changed[::3], seeds=[5]).levels
    assert confirmed == {"training.batch_size": ["8"], "model.hidden_size": ["64"]}


def test_a_run_killed_before_its_record_starts_again(studied: StudyDesign, tmp_path: Path) -> None:
    (arm, *_) = studied.arms(composed)
    run = PlannedRun(arm, next(arm.with_seeds([0])), "", "")
    (tmp_path / run.name / ".hydra").mkdir(parents=True)
    (tmp_path / run.name / ".hydra/config.yaml").touch()
    with pytest.raises(InputError, match=r"already has \.hydra"):
        _missing([run], tmp_path)
    write_plan([run], tmp_path)
    assert _missing([run], tmp_path) == [run]
