import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
import pytest

from musicgen.errors import InputError
from musicgen.search.storage import open_database
from tests.processes import MAX_WAIT_SECONDS, wait_until
from tests.search.postgres import server


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/search.sqlite"
    return request.getfixturevalue("postgres")


def hold(url: str, name: str, parent: Connection) -> None:
    database = open_database(url)
    parent.send(database.locks.take(name))
    signal.pause()


def test_a_lock_ends_with_the_process_that_held_it(url: str) -> None:
    database = open_database(url)
    locks = database.locks
    assert not locks.is_held("one")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(url, "one", there))
    process.start()
    assert here.recv() is True
    assert locks.is_held("one") and not locks.take("one") and not locks.is_held("two")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    # The server has to notice first.
    wait_until(lambda: not locks.is_held("one"))
    assert locks.take("one") and locks.is_held("one")
    database.close()
    assert not locks.is_held("one")


def test_waiting_for_a_lock_is_reported(url: str, caplog: pytest.LogCaptureFixture) -> None:
    first, second = open_database(url), open_database(url)
    entered = threading.Event()

    def hold_until_somebody_waits() -> None:
        with first.locks.alone("one"):
            entered.set()
            wait_until(lambda: "waiting for" in caplog.text)

    holder = threading.Thread(target=hold_until_somebody_waits, daemon=True)
    holder.start()
    entered.wait()
    with second.locks.alone("one"):
        assert "has locked" in caplog.text
    holder.join()
    first.close()
    second.close()


def test_only_one_process_holds_a_lock(url: str) -> None:
    first, second = open_database(url), open_database(url)
    entered = threading.Event()

    def enter() -> None:
        with second.locks.alone("search"):
            entered.set()

    thread = threading.Thread(target=enter)
    with first.locks.alone("search"), first.locks.alone("another search"):
        thread.start()
        assert not entered.wait(0.5)
    assert entered.wait(MAX_WAIT_SECONDS)
    thread.join()
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "not an address of a database"),
        ("mysql://me@localhost/music", "allowed are sqlite:///file.sqlite and postgresql"),
        ("sqlite://", "allowed are sqlite:///file.sqlite"),
        ("postgresql://me:secret@127.0.0.1:1/music", "the database cannot be used: .*refused"),
        ("sqlite:////dev/null/search.sqlite", "Not a directory|File exists"),
    ],
)
def test_an_unusable_storage_is_reported_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        open_database(url)
    assert "\n" not in str(error.value) and "secret" not in str(error.value)


def test_a_missing_psycopg_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError) as error:
        open_database("postgresql://me:secret@127.0.0.1:1/music")
    shown = "hydra.sweeper.storage=postgresql+psycopg://me@127.0.0.1:1/music"
    hint = "pip install 'musicgen-sweeps[postgresql]'"
    assert str(error.value) == f"{shown}: psycopg is not installed: {hint}"


JOURNAL = {
    "_target_": "optuna.storages.JournalStorage",
    "log_storage": {"_target_": "optuna.storages.journal.JournalFileBackend"},
}


def journal(path: Path) -> dict[str, object]:
    return {**JOURNAL, "log_storage": {**JOURNAL["log_storage"], "file_path": str(path)}}  # type: ignore[dict-item]


def test_a_journal_is_shared_and_locked_beside_its_file(tmp_path: Path) -> None:
    first, second = (open_database(journal(tmp_path / "log"), tmp_path / name) for name in ("a", "b"))
    first.storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "mine")
    assert [study.study_name for study in second.storage.get_all_studies()] == ["mine"]
    assert first.locks.take("one") and second.locks.is_held("one")
    first.close()
    assert not second.locks.is_held("one")
    second.close()


def test_null_is_the_memory_of_this_process(tmp_path: Path) -> None:
    first, second = (open_database(None, tmp_path / name) for name in ("a", "b"))
    first.storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "mine")
    assert second.storage.get_all_studies() == []
    first.close()
    second.close()


def test_a_storage_object_with_an_address_has_that_databases_locks(url: str) -> None:
    by_address = open_database(url)
    by_object = open_database({"_target_": "optuna.storages.RDBStorage", "url": url})
    assert by_address.locks.take("one") and by_object.locks.is_held("one")
    by_object.close()
    by_address.close()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (3, "allowed are an address, a storage with its _target_, and null"),
        ({"url": "sqlite:///x"}, "allowed are an address"),
        ({"_target_": "os.system", "command": "true"}, "os.system"),
        ({"_target_": "optuna.storages.JournalStorage", "color": 1}, "color"),
        (journal(Path("/dev/null/log")), "Not a directory|File exists"),
    ],
)
def test_an_unusable_storage_object_is_one_line(setting: object, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason) as error:
        open_database(setting, tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 100)
    with pytest.raises(InputError, match=r"notes\.txt: the database cannot be used: file is not a database"):
        open_database(f"sqlite:///{tmp_path}/notes.txt")
