"""A sweep on a machine whose processes another program takes for a while, under a real limit."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import MAX_WAIT_SECONDS, ended_with_the_test

USER = 65533
"""Nobody else's, since the limit counts all processes of a user."""
MAX_PROCESSES = 60
# The other user reads the interpreter and writes the test's folders as root does, but is bound by the limit.
AS_LIMITED_USER = [
    *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    *("prlimit", f"--nproc={MAX_PROCESSES}"),
]


def can_be_limited() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    if not (shutil.which("setpriv") and shutil.which("prlimit")):
        return False
    tried = subprocess.run([*AS_LIMITED_USER, sys.executable, "-c", ""], capture_output=True)
    return tried.returncode == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where sweeps may keep their sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="musicgen-", ignore_cleanup_errors=True) as place:
        yield Path(place)


def start(folder: Path, module: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*AS_LIMITED_USER, sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )
    return ended_with_the_test(process)


@pytest.mark.slow
@pytest.mark.skipif(not can_be_limited(), reason="only root can try a limit on another user's processes")
def test_a_sweep_outlasts_a_machine_without_processes(folder: Path) -> None:
    jobs = ["what=threads,value,nothing", "hydra.launcher.num_jobs=1", "pauses=100000"]
    sweep = start(folder, "tests.sweep.sweep_app", "--multirun", f"folder={folder}", *jobs)
    crowd = start(folder, "tests.sweep.full_machine", str(folder))
    assert sweep.stdout is not None
    assert "the machine is out of processes, threads or memory" in sweep.stdout.readline()
    (folder / "release").touch()
    output, errors = sweep.communicate(timeout=MAX_WAIT_SECONDS)
    assert sweep.returncode == 0, errors
    ended = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [job["error"] for job in ended] == [None, None, None]
    assert crowd.wait(timeout=MAX_WAIT_SECONDS) == 0
