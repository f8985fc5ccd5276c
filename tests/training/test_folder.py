import json
import math
import multiprocessing
import signal
from pathlib import Path

import pytest

from musicgen.records.store import prune, read_store
from musicgen.system.files import replace_atomically
from musicgen.system.locks import take_lock
from musicgen.training.folder import TrainingFolder
from musicgen.training.outcome import Divergence
from tests.processes import wait_for


def test_states_are_listed_latest_first(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("content", ["", '{"iteration": 7', "[]", "3", '{"iteration": "none"}'])
def test_damaged_json_is_ignored_and_kept(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = TrainingFolder(tmp_path)
    (tmp_path / "diverged.json").write_text(content)
    (tmp_path / "about.json").write_text(content)
    assert folder.divergence is None
    assert "diverged.json is damaged and ignored" in caplog.text
    assert (tmp_path / "diverged.json").read_text() == content
    about = folder.about
    assert about == folder.about and not (about and content != '{"iteration": "none"}')


def hold(path: Path, report: Path) -> None:
    with TrainingFolder(path).locked():
        report.touch()
        signal.pause()


def test_a_killed_process_leaves_no_lock_and_no_partial_file(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(folder.path, tmp_path / "held"))
    holder.start()
    wait_for(tmp_path / "held")
    assert not folder.remove(), "a running training was removed"
    with replace_atomically(folder.end(300)) as temporary:
        temporary.touch()
        # The file that a kill at this point would leave.
        half = temporary.with_name(temporary.name.replace("end", "half"))
        half.touch()
    assert half.exists()
    assert holder.pid is not None
    holder.kill()
    holder.join()
    assert holder.exitcode == -signal.SIGKILL
    with folder.locked():
        assert not half.exists()


def test_a_second_process_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = TrainingFolder(tmp_path / "training")
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(folder.path, tmp_path / "held"))
    holder.start()
    wait_for(tmp_path / "held")
    # The training is reported as waiting while the holder lives, and only its end lets it train.
    monkeypatch.setattr("musicgen.training.folder.report_waiting", lambda *_: holder.kill())
    with folder.locked():
        assert not holder.is_alive()
    holder.join()


def test_a_removed_folder_can_be_locked_again(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    with folder.locked():
        folder.end(3).touch()
    assert folder.remove() and not folder.path.exists()
    with folder.locked():
        assert folder.states() == []


def test_describing_a_removed_folder_does_not_recreate_it(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    with folder.locked():
        folder.end(3).touch()
    folder.remove()
    folder.describe({"seed": 0})
    assert not folder.path.exists()


def train_again_and_again(folder: TrainingFolder, marker: Path) -> None:
    for _ in range(20):
        with folder.locked():
            # Fails if another process is in here too.
            marker.touch(exist_ok=False)
            folder.passing(1).write_bytes(b"state")
            assert [state.iteration for state in folder.states()] == [1]
            folder.describe({"seed": 0})
            marker.unlink()


def remove_again_and_again(folder: TrainingFolder) -> None:
    for _ in range(60):
        folder.remove()
        prune(read_store(folder.path.parent), max_bytes=0)


def test_concurrent_training_and_removal_is_safe(tmp_path: Path) -> None:
    folder, context = TrainingFolder(tmp_path / "store" / "training"), multiprocessing.get_context("fork")
    folder.path.mkdir(parents=True)
    processes = [
        *(
            context.Process(target=train_again_and_again, args=(folder, tmp_path / "marker"))
            for _ in range(3)
        ),
        *(context.Process(target=remove_again_and_again, args=(folder,)) for _ in range(2)),
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 5
    assert not (tmp_path / "marker").exists()


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "training").touch()
    with pytest.raises(FileExistsError), TrainingFolder(tmp_path / "training").locked():
        pass


def test_state_names_have_six_digits_or_more(tmp_path: Path) -> None:
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


def test_a_divergence_is_saved_exactly(tmp_path: Path) -> None:
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


def test_a_description_is_saved_as_readable_json(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    assert folder.about == {}
    folder.describe({"corpus": "Ó Néill", "hidden_size": 256})
    assert folder.about == {"corpus": "Ó Néill", "hidden_size": 256}
    text = (tmp_path / "about.json").read_text(encoding="utf-8")
    assert text == '{\n  "corpus": "Ó Néill",\n  "hidden_size": 256\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        folder.describe({"seconds": math.inf})
    assert folder.about == {"corpus": "Ó Néill", "hidden_size": 256}


def test_without_locks_anyone_may_use_and_remove_a_folder(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "a" / "training", locks=False)
    with folder.locked(), folder.locked():
        folder.end(3).touch()
        # A file that another process may be writing.
        (folder.path / ".unfinished-end-000006-0123456789ab.pt").touch()
    with folder.locked():
        assert sorted(path.name for path in folder.path.iterdir()) == [
            ".unfinished-end-000006-0123456789ab.pt", "end-000003.pt"
        ]  # fmt: skip
    assert folder.remove() and not folder.path.exists()


def test_a_failed_training_releases_its_lock(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "training")
    with pytest.raises(ZeroDivisionError), folder.locked():
        raise ZeroDivisionError
    lock = take_lock(folder.path / ".lock")
    assert lock is not None
    lock.release()
