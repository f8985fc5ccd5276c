import json
import logging
import math
import multiprocessing
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from filelock import BaseFileLock

from musicgen.files import replace_atomically, take_lock
from musicgen.training import folder as folder_module
from musicgen.training.folder import TrainingFolder
from musicgen.training.outcome import Divergence
from musicgen.training.progress import Standing, listen
from tests.test_files import held


def test_states_are_found_by_name_the_furthest_first(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    for path in (folder.passing(250), folder.end(300), folder.passing(1_234_567), folder.end(250)):
        path.touch()
    (tmp_path / "other.pt").touch()
    assert [(state.iteration, state.is_end) for state in folder.states()] == [
        (1_234_567, False),
        (300, True),
        (250, True),
        (250, False),
    ]


def test_a_divergence_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    assert folder.divergence is None
    folder.note_divergence(Divergence(7, 0.5, math.inf, 3.0))
    assert folder.divergence == Divergence(7, 0.5, math.inf, 3.0)


def hold(path: Path, report: Path) -> None:
    with TrainingFolder(path).locked():
        report.touch()
        time.sleep(60)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_process_leaves_neither_its_lock_nor_half_a_file(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(folder.path, tmp_path / "held"))
    holder.start()
    wait_for(tmp_path / "held")
    assert not folder.remove(), "a training under way was removed"
    with replace_atomically(folder.end(300)) as temporary:
        temporary.touch()
        # What it would leave if it was killed here.
        half = temporary.with_name(temporary.name.replace("end", "half"))
        half.touch()
    assert half.exists()
    assert holder.pid is not None
    holder.kill()
    holder.join()
    assert holder.exitcode == -signal.SIGKILL
    started = time.monotonic()
    with folder.locked():
        assert not half.exists()
    assert time.monotonic() - started < 5


def test_one_process_waits_for_the_other(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=hold, args=(folder.path, tmp_path / "held"))
    holder.start()
    wait_for(tmp_path / "held")
    waiting = context.Process(target=hold, args=(folder.path, tmp_path / "waited"))
    waiting.start()
    time.sleep(2)
    assert not (tmp_path / "waited").exists()
    holder.kill()
    wait_for(tmp_path / "waited")
    waiting.kill()
    for process in (holder, waiting):
        process.join()


def test_a_removed_folder_can_be_locked_again(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    with folder.locked():
        folder.end(3).touch()
    assert folder.remove() and not folder.path.exists()
    with folder.locked():
        assert folder.states() == []


def test_states_have_names_of_six_digits_or_more_and_no_others_are_states(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    assert folder.end(300) == tmp_path / "end-000300.pt"
    assert folder.passing(250) == tmp_path / "state-000250.pt"
    for name in (
        "end-00300.pt",
        "end-000300.pt.txt",
        "best-000300.pt",
        ".unfinished-end-000300-ab.pt",
        "end-.pt",
    ):
        (tmp_path / name).touch()
    assert folder.states() == []


def test_a_divergence_is_kept_as_text_with_every_digit(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    found = Divergence(7, 0.1 + 0.2, math.nan, -math.inf)
    folder.note_divergence(found)
    assert json.loads((tmp_path / "diverged.json").read_text()) == {
        "iteration": "7",
        "learning_rate": "0.30000000000000004",
        "loss": "nan",
        "gradient_norm": "-inf",
    }
    again = folder.divergence
    assert again is not None and math.isnan(again.loss) and isinstance(again.iteration, int)
    assert (again.learning_rate, again.gradient_norm) == (found.learning_rate, found.gradient_norm)


def test_a_description_is_what_was_described_for_people_to_read(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    assert folder.about == {}
    folder.describe({"corpus": "Ó Néill", "hidden_size": 256})
    assert folder.about == {"corpus": "Ó Néill", "hidden_size": 256}
    text = (tmp_path / "about.json").read_text(encoding="utf-8")
    assert text == '{\n  "corpus": "Ó Néill",\n  "hidden_size": 256\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        folder.describe({"seconds": math.inf})
    assert folder.about == {"corpus": "Ó Néill", "hidden_size": 256}


def test_without_locks_a_folder_is_used_and_removed_by_whoever_comes(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "a" / "training", locks=False)
    with folder.locked(), folder.locked():
        folder.end(3).touch()
        # What another process may be writing.
        (folder.path / ".unfinished-end-000006-ab.pt").touch()
    with folder.locked():
        assert sorted(path.name for path in folder.path.iterdir()) == [
            ".unfinished-end-000006-ab.pt", "end-000003.pt"
        ]  # fmt: skip
    assert folder.remove() and not folder.path.exists()


def test_a_lock_is_free_after_a_training_that_failed(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    with pytest.raises(ZeroDivisionError), folder.locked():
        raise ZeroDivisionError
    lock = take_lock(folder.path / ".lock", waits=False)
    assert lock is not None
    lock.release()


def test_whoever_waits_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = TrainingFolder(tmp_path / "training")
    folder.path.mkdir()
    lock = held(folder.path / ".lock")
    heard: list[Standing] = []
    with caplog.at_level(logging.INFO), listen(heard.append):
        threading.Timer(0.5, lock.close).start()
        with folder.locked():
            pass
    assert [one.stage for one in heard] == ["starting", "waiting"]
    assert caplog.text.count("another process trains the same network: waiting for it") == 1


def test_a_folder_that_was_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = TrainingFolder(tmp_path / "training")
    removed: list[Path] = []

    def take_and_lose(path: Path, *, waits: bool) -> BaseFileLock | None:
        lock = take_lock(path, waits=waits)
        if not removed:
            # Another process prunes the store between the two.
            shutil.rmtree(path.parent)
            removed.append(path)
        return lock

    monkeypatch.setattr(folder_module, "take_lock", take_and_lose)
    with folder.locked():
        assert removed and (folder.path / ".lock").exists()
        assert take_lock(folder.path / ".lock", waits=False) is None
