"""Files that are written whole, folders made by one."""

import errno
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from musicgen.errors import InputError
from musicgen.system.files import (
    append_whole,
    filled_folder,
    make_new_folder,
    remove_empty_folder,
    remove_file,
    remove_unfinished,
    replace_atomically,
    source_code,
    write_text_atomically,
)
from tests.full_disk import files_end_at
from tests.processes import MAX_WAIT_SECONDS


def make_folders(parent: Path, start: Any, queue: Any) -> None:
    start.wait()
    queue.put([make_new_folder(parent / "deep" / "12-30-00").name for _ in range(20)])


def test_a_full_disk_leaves_the_old_file_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_text_atomically(path, "older")
    with pytest.raises(OSError, match="too large") as raised, files_end_at(1000):
        write_text_atomically(path, "newer" * 1000)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(path))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("run.json", "older")]


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_flushed_before_its_name(
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


def test_a_line_is_appended_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with path.open("ab", buffering=0) as file:
        append_whole(file, path, b"one\n")
        with pytest.raises(OSError, match="lines") as raised, files_end_at(6):
            append_whole(file, path, b"two\n")
        assert raised.value.errno == errno.EFBIG and path.read_bytes() == b"one\n"
        append_whole(file, path, b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


def test_a_filled_folder_appears_with_all_its_files(tmp_path: Path) -> None:
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


def test_the_current_folder_can_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with filled_folder(Path()) as place:
        (place / "report.html").write_text("page")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_below_a_foreign_one_can_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, made = tmp_path / "theirs" / "mine", []
    path.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda place, _mode: Path(place) != tmp_path / "theirs")
    with filled_folder(path) as place:
        made.append(place.parent)
        (place / "report.html").write_text("page")
    assert made == [path] and [one.name for one in path.iterdir()] == ["report.html"]


def test_a_full_disk_error_names_the_final_file(tmp_path: Path) -> None:
    def fill() -> None:
        with filled_folder(tmp_path / "report") as place, files_end_at(10):
            write_text_atomically(place / "report.html", "whole" * 10)

    with pytest.raises(OSError, match="too large") as raised:
        fill()
    assert raised.value.filename == str(tmp_path / "report" / "report.html")


def test_an_existing_folder_receives_its_page_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_processes_asking_for_one_folder_get_different_ones(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, queue = context.Barrier(4), context.Queue()
    processes = [context.Process(target=make_folders, args=(tmp_path, start, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    names = [name for _ in processes for name in queue.get(timeout=MAX_WAIT_SECONDS)]
    for process in processes:
        process.join()
    assert sorted(names) == sorted({path.name for path in (tmp_path / "deep").iterdir()})
    assert {"12-30-00", "12-30-00-2", "12-30-00-80"} <= set(names) and len(names) == 80


def test_a_folder_below_a_broken_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        make_new_folder(tmp_path / "link" / "12-30-00")


def test_a_complete_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replace_atomically(path) as temporary:
        # A writer chooses the format by the suffix.
        assert temporary.parent == tmp_path and temporary.suffix == ".csv"
        assert temporary.name.startswith(".unfinished-table-") and not temporary.exists()
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and [path] == list(tmp_path.iterdir())


def test_a_failed_write_leaves_only_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write(half: Path) -> None:
        half.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replace_atomically(path) as temporary:
        write(temporary)
    assert path.read_text() == "old" and [path] == list(tmp_path.iterdir())
    # Nothing was written, so no file appears.
    with pytest.raises(FileNotFoundError), replace_atomically(path):
        pass
    assert path.read_text() == "old" and [path] == list(tmp_path.iterdir())


def test_only_unfinished_files_are_removed(tmp_path: Path) -> None:
    ours = {".unfinished-a-0123456789ab.csv", ".unfinished-b-ba9876543210"}
    others = {".unfinished-a-0123.csv", ".unfinished-chapter", "a.csv", ".lock", "unfinished-c"}
    for name in ours | others:
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == others


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "text", "é\nŋ\r\n")
    assert (tmp_path / "text").read_bytes() == "é\nŋ\r\n".encode()


def test_the_code_of_a_package_is_its_modules_in_order(tmp_path: Path) -> None:
    for name, text in (("b.py", "two"), ("a.py", "one"), ("c.txt", "no code")):
        (tmp_path / name).write_text(text)
    assert source_code(tmp_path) == b"onetwo"


def test_removing_a_link_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    for name, target in (("to folder", "precious"), ("to file", "precious/file")):
        (tmp_path / name).symlink_to(tmp_path / target)
        assert not remove_empty_folder(tmp_path / name)
        remove_file(tmp_path / name)
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "precious" / "file").is_file()


def test_remove_file_refuses_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        remove_file(tmp_path / "folder")
    (tmp_path / "folder" / "file").touch()
    assert not remove_empty_folder(tmp_path / "folder")
    assert (tmp_path / "folder" / "file").is_file()


def fill(folder: Path, name: str) -> None:
    with filled_folder(folder) as place:
        (place / name).parent.mkdir()
        (place / name).touch()


def test_a_filled_folder_does_not_follow_links(tmp_path: Path) -> None:
    for name in ("report", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "report" / "songs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="songs: is a link"):
        fill(tmp_path / "report", "songs/0.mid")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["songs"]
