"""Files that are written whole, and locks where a file system has them."""

import errno
import fcntl
import json
import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import IO

import pytest

from musicgen.errors import InputError
from musicgen.files import (
    computed_once,
    locked,
    remove_unfinished,
    replace_atomically,
    source_code,
    take_lock,
    write_text_atomically,
)


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """Let the system answer as it does on a file system without locks."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def held(path: Path) -> IO[str]:
    """A file that is locked as by another process, until somebody closes it."""
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


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


def test_a_file_takes_its_name_when_it_is_whole_and_an_older_one_stays_until_then(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replace_atomically(path) as temporary:
        # A writer chooses the format by the suffix.
        assert temporary.parent == tmp_path and temporary.suffix == ".csv"
        assert temporary.name.startswith(".unfinished-table-") and not temporary.exists()
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and [path] == list(tmp_path.iterdir())


def test_what_fails_on_its_way_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write(half: Path) -> None:
        half.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replace_atomically(path) as temporary:
        write(temporary)
    assert path.read_text() == "old" and [path] == list(tmp_path.iterdir())
    # Nobody wrote anything: that is no file either.
    with pytest.raises(FileNotFoundError), replace_atomically(path):
        pass
    assert path.read_text() == "old" and [path] == list(tmp_path.iterdir())


def test_only_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    for name in (".unfinished-a-0123.csv", ".unfinished-b", "a.csv", ".lock", "unfinished-c"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a.csv", "unfinished-c"]


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "text", "é\nŋ\r\n")
    assert (tmp_path / "text").read_bytes() == "é\nŋ\r\n".encode()


def test_a_lock_is_held_by_one_and_free_after(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    waits: list[bool] = []
    with locked(path, lambda: waits.append(True)):
        assert take_lock(path, waits=False) is None
    assert waits == []
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    threading.Timer(0.2, held(path).close).start()
    with locked(path, lambda: waits.append(True)):
        assert waits == [True]


def test_what_is_known_is_read_and_what_cannot_be_read_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "value.json"
    computed: list[int] = []

    def compute() -> dict[str, int]:
        computed.append(len(computed))
        return {"value": len(computed)}

    def read(text: str) -> dict[str, int]:
        return {"value": json.loads(text)["value"] + 0}

    def value() -> int:
        return computed_once(path, read, compute, json.dumps)["value"]

    assert [value(), value()] == [1, 1] and path.read_text() == '{"value": 1}'
    # No JSON, no mapping, no such key, no number, no text.
    for damage in (b"{", b"[]", b"{}", b'{"value": "1"}', b"\xff"):
        path.write_bytes(damage)
        assert value() == len(computed) and path.read_text() == f'{{"value": {len(computed)}}}'
    assert len(computed) == 6
    path.unlink()
    assert value() == 7


def test_what_another_process_has_computed_meanwhile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    lock = held(path.with_suffix(".lock"))

    def finish() -> None:
        path.write_text("theirs")
        lock.close()

    waits: list[bool] = []
    value = computed_once(
        path,
        str,
        lambda: "ours",
        str,
        # Whoever waits says so first; then the other one ends.
        lambda: (waits.append(path.exists()), threading.Timer(0.1, finish).start())[0],
    )
    assert (value, waits) == ("theirs", [False])


def test_what_goes_wrong_while_computing_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    def fail() -> str:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        computed_once(tmp_path / "value.txt", str, fail, str)
    assert [path.name for path in tmp_path.iterdir()] == ["value.lock"]
    assert take_lock(tmp_path / "value.lock", waits=False) is not None


def test_the_code_of_a_package_is_all_of_its_modules_in_one_order(tmp_path: Path) -> None:
    for name, text in (("b.py", "two"), ("a.py", "one"), ("c.txt", "no code")):
        (tmp_path / name).write_text(text)
    assert source_code(tmp_path) == b"onetwo"
