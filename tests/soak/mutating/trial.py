"""The trial of one mutant: its module is changed in a copy of the repository, and its tests run there.

The process that holds the copy has imported the heavy packages and nothing of musicgen; every trial is a fork
of it, so that neither waits for imports. Bytecode is written by the trials without a change alone: a changed
module has another time than its bytecode, is compiled from its text, and leaves nothing behind.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

HEAVY = (
    "torch",
    "numpy",
    "scipy.special",
    "scipy.stats",
    "scipy.optimize",
    "pandas",
    "numba",
    "sklearn.linear_model",
    "statsmodels.stats.power",
    "statsmodels.stats.multitest",
    "rapidfuzz",
    "hypothesis.extra.numpy",
    "hydra",
    "omegaconf",
    "pydantic",
    "matplotlib.figure",
    "rich.table",
    "filelock",
    "pytest",
)
TIMES_AS_LONG, SECONDS_MORE = 3, 10
"""A trial that takes so many times as long as without a change, and so much more, is ended."""
_FOREIGN = 99
"""Exit status of a trial in which musicgen came from somewhere else."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended."""

    verdict: str
    """"killed", "timed out" or "survived"."""
    seconds: float
    test: str
    """The test that failed, or the first line of what went wrong before any ran."""


@contextmanager
def copied(root: Path, folder: Path) -> Iterator[Path]:
    """A copy of what git knows of the repository, and the files that it does not ignore."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    copy = folder / "copy"
    for name in filter(None, names):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    try:
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(root: Path, copy: Path) -> None:
    """Import what all trials need, and let them and what they start import musicgen from the copy."""
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(copy)}
    sys.path[:] = [str(copy), *(entry for entry in sys.path if Path(entry or ".").resolve() != root)]
    os.chdir(copy)
    for name in HEAVY:
        import_module(name)
    assert not any(name.partition(".")[0] == "musicgen" for name in sys.modules)


def run_tests(copy: Path, tests: Sequence[str], limit: float | None = None) -> Outcome:
    """Run test files in a fork; with a limit in seconds nothing is written beside the modules."""
    shutil.rmtree(copy / ".hypothesis", ignore_errors=True)
    said = copy.parent / "said.txt"
    started = time.monotonic()
    process = os.fork()
    if process == 0:
        _be_a_trial(copy, tests, said, writes_bytecode=limit is None)
    status = _wait(process, limit)
    seconds = time.monotonic() - started
    # What the trial has started and left.
    _kill_group(process)
    if status is None:
        return Outcome("timed out", seconds, "")
    code = os.waitstatus_to_exitcode(status)
    text = said.read_text(encoding="utf-8", errors="replace")
    if code == _FOREIGN:
        raise RuntimeError(f"musicgen did not come from the copy:\n{text}")
    if code == 0:
        return Outcome("survived", seconds, "")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
    return Outcome("killed", seconds, failed[1] if failed else f"exit status {code}")


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    """While the body runs, the module has another text, and a time that no bytecode of it has."""
    before, stat = path.read_bytes(), path.stat()
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
        os.utime(path, (stat.st_atime, stat.st_mtime + 1000))
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _be_a_trial(copy: Path, tests: Sequence[str], said: Path, *, writes_bytecode: bool) -> None:
    code = 1
    try:
        os.setsid()
        file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.dont_write_bytecode = not writes_bytecode
        if not writes_bytecode:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        # Processes that tests spawn import what stands here: nothing of the trials.
        sys.modules["__main__"] = ModuleType("__main__")
        import pytest

        arguments = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
        # Imported before: its assertions cannot be explained, and nobody reads them.
        arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        code = int(pytest.main([*arguments, f"--basetemp={copy.parent / 'tmp'}", *tests]))
        package = sys.modules.get("musicgen")
        if package is not None and not str(package.__file__).startswith(f"{copy}/"):
            print(package.__file__)
            code = _FOREIGN
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(process: int, limit: float | None) -> int | None:
    """The status of the process; None where it was ended at the limit."""
    deadline = None if limit is None else time.monotonic() + limit
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return status
        if deadline is not None and time.monotonic() > deadline:
            _kill_group(process)
            os.waitpid(process, 0)
            return None
        time.sleep(0.02)


def _kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
