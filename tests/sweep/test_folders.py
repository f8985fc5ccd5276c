"""Folders of runs and sweeps, even of two that start at the same moment; what is kept of a job."""

import weakref
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import DictConfig, OmegaConf

from musicgen.sweep.folders import FolderCallback, command, take_back
from musicgen.system.made import Made

setup_globals()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "directory", None)
    monkeypatch.setattr(command, "made", Made())


def config(folder: Path, *overrides: str, directory: str | None = None) -> DictConfig:
    """What Hydra gives a callback at 04:05:06; it is read-only, as there."""
    composed = OmegaConf.create(
        {
            "hydra": {
                "run": {"dir": f"{folder}/runs/${{now:1971-02-03}}/04-05-06"},
                "sweep": {"dir": f"{folder}/sweeps/${{now:1971-02-03}}/04-05-06"},
                "sweeper": {"directory": directory},
                "overrides": {"hydra": list(overrides)},
                "output_subdir": ".hydra",
                "job": {"name": "train"},
            }
        }
    )
    for text in overrides:
        name, value = text.split("=")
        OmegaConf.update(composed, name, value)
    for node in (composed, composed.hydra, composed.hydra.run, composed.hydra.sweep):
        OmegaConf.set_readonly(node, True)
    return composed


def write_as_hydra(folder: Path) -> None:
    (folder / ".hydra").mkdir(parents=True)
    for name in ("train.log", ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"):
        (folder / name).touch()


def test_simultaneous_runs_have_two_folders(tmp_path: Path) -> None:
    first, second = config(tmp_path), config(tmp_path)
    for one in (first, second):
        FolderCallback().on_run_start(one)
    assert Path(first.hydra.run.dir).name == "04-05-06"
    assert Path(second.hydra.run.dir).name == "04-05-06-2"
    assert Path(first.hydra.run.dir).is_dir() and Path(second.hydra.run.dir).is_dir()


def test_simultaneous_sweeps_have_two_folders(tmp_path: Path) -> None:
    first, second = config(tmp_path), config(tmp_path)
    for one in (first, second):
        FolderCallback().on_multirun_start(one)
    folders = [Path(one.hydra.sweep.dir) for one in (first, second)]
    assert [folder.name for folder in folders] == ["04-05-06", "04-05-06-2"]
    assert command.directory == folders[1]


def test_a_sweep_that_did_nothing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for one in (config(tmp_path), config(tmp_path, f"hydra.sweep.dir={tmp_path}/mine/new")):
        FolderCallback().on_multirun_start(one)
        Path(one.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        FolderCallback().on_multirun_end(one)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_a_sweep_that_did_something_leaves_it(tmp_path: Path) -> None:
    one = config(tmp_path)
    FolderCallback().on_multirun_start(one)
    plan = Path(one.hydra.sweep.dir) / "plan.csv"
    plan.touch()
    FolderCallback().on_multirun_end(one)
    assert plan.is_file()


def test_a_run_that_cannot_start_removes_what_hydra_wrote(tmp_path: Path) -> None:
    (tmp_path / "mine" / "thesis").mkdir(parents=True)
    for one in (config(tmp_path), config(tmp_path, f"hydra.run.dir={tmp_path}/mine")):
        FolderCallback().on_run_start(one)
        write_as_hydra(Path(one.hydra.run.dir))
    take_back(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "thesis"]


def test_a_log_that_was_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "diary.log").write_text("mine")
    one = config(tmp_path, f"hydra.run.dir={tmp_path}", "hydra.job.name=diary")
    with pytest.raises(SystemExit):
        FolderCallback().on_run_start(one)
    assert "already has diary.log" in capsys.readouterr().err
    assert (tmp_path / "diary.log").read_text() == "mine"


@pytest.mark.parametrize("name", [".hydra", "train.log", "tunes.abc", "tunes", "run.json"])
def test_a_run_overwrites_no_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A broken link counts as a file, too.
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(SystemExit) as ended:
        FolderCallback().on_run_start(config(tmp_path, f"hydra.run.dir={tmp_path}"))
    errors = capsys.readouterr().err
    assert ended.value.code == 1 and errors.count("\n") == 1 and str(tmp_path) in errors


@pytest.mark.parametrize("name", ["plan.csv", "effects.csv", "plots", "search.json", "conf"])
def test_a_sweep_overwrites_no_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).touch()
    own = config(tmp_path, f"hydra.sweep.dir={tmp_path}")
    with pytest.raises(SystemExit):
        FolderCallback().on_multirun_start(own)
    assert f"already has {name}" in capsys.readouterr().err
    (tmp_path / "multirun.yaml").write_text("hydra: {}")
    with pytest.raises(SystemExit):
        FolderCallback().on_multirun_start(own)
    (tmp_path / "multirun.yaml").write_text("_target_: musicgen.sweep.folders.FolderCallback")
    FolderCallback().on_multirun_start(own)
    assert command.directory == tmp_path


def test_a_folder_that_cannot_be_made_is_left_to_hydra(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    one = config(tmp_path)
    FolderCallback().on_run_start(one)
    assert Path(one.hydra.run.dir).name == "04-05-06"


class Network:
    """Something large."""


def test_a_job_return_keeps_no_config_and_no_local_variables() -> None:
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
    FolderCallback().on_job_end(config, job_return)
    assert kept[0]() is None and str(job_return._return_value) == "diverged"
    assert job_return.cfg is None and job_return.hydra_cfg is None
