"""Folders of runs and sweeps, one for each also where two start at the same moment; what is kept of a job."""

import weakref
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from musicgen.study.watch import SweepWatch


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("directory", "_made"):
        monkeypatch.setattr(SweepWatch, name, None)


def config(folder: Path, *overrides: str, directory: str | None = None) -> DictConfig:
    """What Hydra gives a callback at 04:05:06; it is read-only, as there."""
    composed = OmegaConf.create(
        {
            "hydra": {
                "run": {"dir": str(folder / "runs/1971-02-03/04-05-06")},
                "sweep": {"dir": str(folder / "sweeps/1971-02-03/04-05-06")},
                "sweeper": {"directory": directory},
                "overrides": {"hydra": list(overrides)},
            }
        }
    )
    for node in (composed, composed.hydra, composed.hydra.run, composed.hydra.sweep):
        OmegaConf.set_readonly(node, True)
    return composed


def test_two_runs_of_one_moment_have_two_folders(tmp_path: Path) -> None:
    first, second = config(tmp_path), config(tmp_path)
    for one in (first, second):
        SweepWatch().on_run_start(one)
    assert Path(first.hydra.run.dir).name == "04-05-06"
    assert Path(second.hydra.run.dir).name == "04-05-06-2"
    assert Path(first.hydra.run.dir).is_dir() and Path(second.hydra.run.dir).is_dir()


def test_two_sweeps_of_one_moment_have_two_folders_and_leave_none_that_is_empty(tmp_path: Path) -> None:
    first, second = config(tmp_path), config(tmp_path)
    for one in (first, second):
        SweepWatch().on_multirun_start(one)
    folders = [Path(one.hydra.sweep.dir) for one in (first, second)]
    assert [folder.name for folder in folders] == ["04-05-06", "04-05-06-2"]
    assert SweepWatch.directory == folders[1]
    SweepWatch().on_multirun_end(second)
    assert [folder.is_dir() for folder in folders] == [True, False]
    SweepWatch._made = folders[0]
    (folders[0] / "plan.csv").touch()
    SweepWatch().on_multirun_end(first)
    assert (folders[0] / "plan.csv").exists()
    (folders[0] / "plan.csv").unlink()
    SweepWatch().on_multirun_end(first)
    assert not (tmp_path / "sweeps").exists()


def test_a_folder_that_somebody_named_is_theirs(tmp_path: Path) -> None:
    own = config(tmp_path, f"hydra.run.dir={tmp_path}", f"hydra.sweep.dir={tmp_path}")
    search = config(tmp_path, directory="searches/mine")
    for one in (own, search):
        SweepWatch().on_multirun_start(one)
        SweepWatch().on_multirun_end(one)
    SweepWatch().on_run_start(own)
    assert list(tmp_path.iterdir()) == []
    assert Path(own.hydra.run.dir).name == Path(search.hydra.sweep.dir).name == "04-05-06"


def test_where_no_folder_can_be_made_hydra_tells(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    one = config(tmp_path)
    SweepWatch().on_run_start(one)
    assert Path(one.hydra.run.dir).name == "04-05-06"


class Network:
    """Something large."""


def test_what_a_job_returned_holds_neither_its_config_nor_what_its_functions_held() -> None:
    kept = []

    def fail() -> None:
        network = Network()
        kept.append(weakref.ref(network))
        raise ValueError("diverged")

    config = OmegaConf.create({"seed": 0})
    job_return = JobReturn(cfg=config, hydra_cfg=config, status=JobStatus.FAILED)
    try:
        fail()
    except ValueError as error:
        job_return.return_value = error
    assert kept[0]() is not None
    SweepWatch().on_job_end(config, job_return)
    assert kept[0]() is None and str(job_return._return_value) == "diverged"
    assert job_return.cfg is None and job_return.hydra_cfg is None
