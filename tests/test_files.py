"""Files that are written whole, folders made by one, work done once."""

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from musicgen.files import computed_once, make_new_folder


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


def make_folders(parent: Path, start: Any, queue: Any) -> None:
    start.wait()
    queue.put([make_new_folder(parent / "deep" / "12-30-00").name for _ in range(20)])


def test_processes_that_want_the_same_folder_get_one_each(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, queue = context.Barrier(4), context.Queue()
    processes = [context.Process(target=make_folders, args=(tmp_path, start, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    names = [name for _ in processes for name in queue.get(timeout=60)]
    for process in processes:
        process.join()
    assert sorted(names) == sorted({path.name for path in (tmp_path / "deep").iterdir()})
    assert {"12-30-00", "12-30-00-2", "12-30-00-80"} <= set(names) and len(names) == 80


def test_a_folder_below_a_link_to_nowhere_is_an_error_and_no_endless_search(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        make_new_folder(tmp_path / "link" / "12-30-00")
