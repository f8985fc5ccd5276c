"""Files that are written whole, and locks where a file system has them."""

import errno
import fcntl
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.files import (
    append_whole,
    computed_once,
    filled_folder,
    keep_text,
    locked,
    replace_atomically,
    take_lock,
    write_text_atomically,
)
from tests.full_disk import files_end_at


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


def test_a_full_disk_leaves_the_older_file_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_text_atomically(path, "older")
    with pytest.raises(OSError, match="too large") as raised, files_end_at(1000):
        write_text_atomically(path, "newer" * 1000)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(path))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("run.json", "older")]


@pytest.mark.parametrize("durable", [True, False])
def test_the_disk_has_the_file_before_its_name_and_then_the_name(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flushed = tmp_path / "run.json", []
    flush = os.fsync

    def note(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_ino, path.exists()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with replace_atomically(path, durable=durable) as temporary:
        temporary.write_text("content")
    told = [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]
    assert flushed == (told if durable else [])


def test_a_line_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with path.open("ab", buffering=0) as file:
        append_whole(file, path, b"one\n")
        with pytest.raises(OSError, match="lines") as raised, files_end_at(6):
            append_whole(file, path, b"two\n")
        assert raised.value.errno == errno.EFBIG and path.read_bytes() == b"one\n"
        append_whole(file, path, b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


def test_what_is_only_kept_to_save_time_ends_nothing_where_it_cannot_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    keep_text(in_the_way / "cache" / "tunes.json", "[]")
    assert computed_once(in_the_way / "cache" / "value.txt", str, lambda: "value", str) == "value"
    with files_end_at(10):
        assert computed_once(tmp_path / "value.txt", str, lambda: "v" * 99, str) == "v" * 99
    assert [line.split(" is not kept")[0].rpartition("/")[2] for line in caplog.messages] == [
        "tunes.json",
        "value.txt",
        "value.txt",
    ]
    assert not (tmp_path / "value.txt").exists()


def test_a_folder_is_there_with_all_its_files_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report"

    def fail() -> None:
        with filled_folder(path) as place:
            (place / "report.html").write_text("half")
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        fail()
    assert list(tmp_path.iterdir()) == []
    with filled_folder(path) as place:
        (place / "songs").mkdir()
        (place / "songs" / "a.mp3").write_text("a")
        (place / "report.html").write_text("whole")
    with pytest.raises(ValueError, match="half-way"):
        fail()
    assert (path / "report.html").read_text() == "whole" and len(list(tmp_path.iterdir())) == 1


def test_the_folder_that_the_command_runs_in_can_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with filled_folder(Path()) as place:
        (place / "report.html").write_text("page")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_below_one_that_is_not_ours_can_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = tmp_path / "theirs" / "mine", []
    path.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda place, _mode: Path(place) != tmp_path / "theirs")
    with filled_folder(path) as place:
        made.append(place.parent)
        (place / "report.html").write_text("page")
    assert made == [path] and [one.name for one in path.iterdir()] == ["report.html"]


def test_a_full_disk_is_named_by_what_was_to_be(tmp_path: Path) -> None:
    def fill() -> None:
        with filled_folder(tmp_path / "report") as place, files_end_at(10):
            write_text_atomically(place / "report.html", "whole" * 10)

    with pytest.raises(OSError, match="too large") as raised:
        fill()
    assert raised.value.filename == str(tmp_path / "report" / "report.html")


def test_a_folder_that_is_there_gets_the_page_after_all_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, moved = tmp_path / "report", []
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    with filled_folder(path) as place:
        (place / "runs.csv").write_text("runs")
        (place / "songs").mkdir()
        (place / "songs" / "a.mp3").write_text("a")
        (place / "report.html").write_text("page")
        replace = Path.replace

        def note(source: Path, target: Path) -> Path:
            moved.append(target.name)
            return replace(source, target)

        monkeypatch.setattr(Path, "replace", note)
    assert moved == ["a.mp3", "runs.csv", "report.html"]
    assert sorted(file.name for file in path.iterdir()) == ["mine.txt", "report.html", "runs.csv", "songs"]
    assert (path / "mine.txt").read_text() == "mine" and (path / "songs" / "a.mp3").is_file()
