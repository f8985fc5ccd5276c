from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from musicgen.config import PathsConfig
from musicgen.errors import InputError
from musicgen.sweep.job_queue import JobFailed
from musicgen.sweep.other_launchers import absolute_paths, launch
from musicgen.sweep.refusals import describe_missing


class BrokenLauncher(Launcher):
    """Fails like a cluster that does not answer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def setup(self, **_: Any) -> None:
        """Nothing to keep."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise self.error


def test_paths_do_not_depend_on_where_a_job_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a folder, with = signs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    overrides = absolute_paths(PathsConfig("outputs", "../store", "/shared/cache", True))
    parsed = OverridesParser.create().parse_overrides(overrides)
    assert {override.key_or_group: override.value() for override in parsed} == {
        "paths.outputs": f"{folder}/outputs",
        "paths.store": f"{folder}/../store",
        "paths.cache": "/shared/cache",
    }


def test_a_launcher_that_fails_is_one_line() -> None:
    with pytest.raises(JobFailed, match=r"^BrokenLauncher: ConnectionError: no answer from head:6379$"):
        launch(BrokenLauncher(ConnectionError("no answer\nfrom head:6379")), [["seed=0"]], 0)
    for error in (InputError("its own line"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            launch(BrokenLauncher(error), [["seed=0"]], 0)


@pytest.mark.parametrize(
    ("package", "how"),
    [
        ("joblib", ": pip install 'musicgen-sweeps[joblib]'"),
        ("ray", ": pip install 'musicgen-sweeps[ray]'"),
        ("submitit", ": pip install 'musicgen-sweeps[slurm]'"),
        ("rq", ""),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package: str, how: str) -> None:
    target = f"hydra_plugins.hydra_{package}_launcher.module.Launcher"
    error = RuntimeError(f"Unknown plugin class : '{target}'")
    assert describe_missing(error) == f"hydra.launcher._target_={target}: its package is not installed{how}"
    assert describe_missing(RuntimeError("something else")) is None
