"""Work that is done once."""

import json
import multiprocessing
from pathlib import Path

import pytest

from musicgen.system.cache import computed_once
from musicgen.system.files import keep_text
from musicgen.system.locks import take_lock
from tests.full_disk import files_end_at
from tests.processes import wait_until


def compute(folder: Path, name: str, locks: bool) -> None:
    """Be one of two processes that need the same; compute until the other one computes as well, or waits."""

    def work() -> str:
        (folder / f"computing-{name}").touch()
        wait_until(lambda: len(list(folder.glob("computing-*"))) + len(list(folder.glob("waiting-*"))) == 2)
        return "the same for all"

    def wait(_: str) -> None:
        (folder / f"waiting-{name}").touch()

    value = computed_once(folder / "value.txt", str, work, str, wait, locks=locks)
    assert value == "the same for all"


@pytest.mark.parametrize(("locks", "times"), [(True, 1), (False, 2)])
def test_two_processes_compute_a_value_once_given_locks(locks: bool, times: int, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=compute, args=(tmp_path, name, locks)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("computing-*"))) == times
    left = {path.name for path in tmp_path.iterdir() if "ing-" not in path.name}
    assert left == ({"value.txt", "value.lock"} if locks else {"value.txt"})


def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    keep_text(in_the_way / "cache" / "tunes.json", "[]")
    assert computed_once(in_the_way / "cache" / "value.txt", str, lambda: "value", str) == "value"
    with files_end_at(10):
        assert computed_once(tmp_path / "value.txt", str, lambda: "v" * 99, str) == "v" * 99
    assert [line.split(" could not be cached")[0].rpartition("/")[2] for line in caplog.messages] == [
        "tunes.json",
        "value.txt",
        "value.txt",
    ]
    assert not (tmp_path / "value.txt").exists()


def test_cached_values_are_read_and_damaged_ones_recomputed(tmp_path: Path) -> None:
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


def test_a_value_computed_by_another_process_is_read(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    lock = take_lock(path.with_suffix(".lock"))
    assert lock is not None

    def finish(words: str) -> None:
        assert words.startswith("waiting for ") and not path.exists()
        path.write_text("theirs")
        lock.release()

    assert computed_once(path, str, lambda: "ours", str, finish) == "theirs"


def test_an_error_while_computing_is_raised_and_not_cached(tmp_path: Path) -> None:
    def fail() -> str:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        computed_once(tmp_path / "value.txt", str, fail, str)
    assert [path.name for path in tmp_path.iterdir()] == ["value.lock"]
    assert take_lock(tmp_path / "value.lock") is not None
