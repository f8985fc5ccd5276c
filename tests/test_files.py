"""Files that are written whole, and locks where a file system has them."""

import errno
import fcntl
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.files import computed_once, locked, take_lock


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """Let the system answer as it does on a file system without locks."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def compute(folder: Path, name: str, locks: bool) -> None:
    """Be one of several processes that need the same, which takes a second; leave a mark when computing."""

    def work() -> str:
        (folder / f"computing-{name}").touch()
        time.sleep(1)
        return "the same for all"

    value = computed_once(folder / "value.txt", str, work, str, locks=locks)
    assert value == "the same for all"


@pytest.mark.parametrize(("locks", "times"), [(True, 1), (False, 2)])
def test_what_two_processes_need_is_computed_once_or_without_locks_by_both(
    locks: bool, times: int, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=compute, args=(tmp_path, name, locks)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("computing-*"))) == times
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith("computing-")}
    assert left == ({"value.txt", "value.lock"} if locks else {"value.txt"})


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_one_line_that_says_what_to_set(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch, number)
    with pytest.raises(InputError, match=r"has no locks \(.*\); paths\.locks=false does without them$"):
        take_lock(tmp_path / ".lock", waits=False)
    with pytest.raises(InputError), locked(tmp_path / ".lock"):
        pass
    with locked(tmp_path / ".lock", locks=False):
        pass


def test_another_error_of_the_file_system_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        take_lock(tmp_path / ".lock", waits=False)
