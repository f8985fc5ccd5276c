import os
import threading
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.listening.database import Database
from musicgen.listening.service import ListeningService
from musicgen.listening.session_file import create_file
from musicgen.system.web_server import RefusedError
from tests.full_disk import files_end_at
from tests.soak.hostile import records


def test_answers_survive_reopening_the_file(listening: ListeningService) -> None:
    database = listening.database
    anna = database.enter("Anna")
    first, second = database.trials(anna.listener_id)[:2]
    database.answer(anna.listener_id, first.trial_id, "musicality", 4)
    database.answer(anna.listener_id, first.trial_id, "musicality", 2)
    database.answer(anna.listener_id, second.trial_id, "structure", 5)
    again = Database(database.path)
    assert again.settings == database.settings and again.items == database.items
    places = again.trials(again.enter("Anna").listener_id)
    assert [place.answers for place in places[:3]] == [{"musicality": 2}, {"structure": 5}, {}]
    assert len(again.listeners()) == 1


def test_listeners_have_their_own_orders_and_sound_ids(listening: ListeningService) -> None:
    database = listening.database
    ids = [database.enter(name).listener_id for name in ("Anna", "Ben")]
    places = [database.trials(listener) for listener in ids]
    sounds = [{sound for place in own for sound in place.sound_ids} for own in places]
    assert not sounds[0] & sounds[1] and not {place.trial_id for place in places[0]} & {
        place.trial_id for place in places[1]
    }
    # A repeat has its own sound id, so that only the ear can recognise it.
    assert len(sounds[0]) == len(places[0]) == 14
    heard = [[database.stimulus_of(place.sound_ids[0]) for place in own] for own in places]
    assert sorted(set(map(str, heard[0]))) == sorted(set(map(str, heard[1]))) and heard[0] != heard[1]


def test_answers_for_others_or_after_the_end_are_refused(listening: ListeningService) -> None:
    database = listening.database
    anna, ben = (database.enter(name) for name in ("Anna", "Ben"))
    trial = database.trials(anna.listener_id)[0].trial_id
    with pytest.raises(RefusedError, match="has no such trial"):
        database.answer(ben.listener_id, trial, "musicality", 3)
    database.answer(anna.listener_id, trial, "musicality", 3)
    database.end(anna.listener_id)
    with pytest.raises(RefusedError, match="has ended"):
        database.answer(anna.listener_id, trial, "musicality", 5)
    assert [answer.value for answer in database.answers()] == [3]


def test_concurrent_answers_are_all_saved(listening: ListeningService) -> None:
    database = listening.database
    failures: list[Exception] = []

    def listen(name: str) -> None:
        try:
            listener = database.enter(name)
            for place in database.trials(listener.listener_id):
                for criterion in database.settings.criteria:
                    database.answer(listener.listener_id, place.trial_id, criterion, 3)
        except Exception as error:
            failures.append(error)

    # Two of them enter under the same name.
    threads = [threading.Thread(target=listen, args=(name,)) for name in ("A", "A", "B", "C")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {listener.name for listener in database.listeners()} == set("ABC")
    assert len(database.listeners()) == 3
    assert len(database.answers()) == 3 * 14 * 4


def test_the_first_of_two_concurrent_sessions_stays(listening: ListeningService) -> None:
    database = listening.database
    database.enter("Anna")
    with pytest.raises(InputError, match="another process has just started it"):
        create_file(database.path, database.settings, list(database.items.values()), [], locks=True)
    assert len(Database(database.path).listeners()) == 1


def test_a_full_disk_loses_no_saved_answer(listening: ListeningService) -> None:
    database = listening.database
    anna = database.enter("Anna")
    first, second = database.trials(anna.listener_id)[:2]
    database.answer(anna.listener_id, first.trial_id, "musicality", 4)
    with pytest.raises(InputError, match=f"{database.path}: .*disk I/O error"), files_end_at(4096):
        database.answer(anna.listener_id, second.trial_id, "musicality", 5)
    assert [answer.value for answer in database.answers()] == [4]
    database.answer(anna.listener_id, second.trial_id, "musicality", 5)
    assert [answer.value for answer in database.answers()] == [4, 5]


def test_a_damaged_file_is_one_line(listening: ListeningService) -> None:
    path = listening.database.path
    for half in (path.read_bytes()[:5000], b"", b"not a database, but long enough to be read as one"):
        path.write_bytes(half)
        with pytest.raises(InputError, match=f"{path}: is (damaged|not a listening session)"):
            Database(path)


@pytest.mark.parametrize("name", records.SESSIONS)
def test_a_session_with_wrong_rows_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "listening.sqlite"
    records.write_session(path)
    Database(path)
    records.damage_session(path, records.SESSIONS[name])
    with pytest.raises(InputError, match="listening.sqlite: ") as refusal:
        Database(path)
    assert "\n" not in str(refusal.value)


def test_damage_anywhere_in_the_file_is_detected_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "listening.sqlite"
    records.write_session(path)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), len(content) // 12):
        path.write_bytes(content[:place] + b"\xff" * 300 + content[place + 300 :])
        try:
            Database(path).answers()
        except InputError:
            refused += 1
    # At least the header; other bytes may be unused.
    assert refused


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "listening.sqlite")
    with pytest.raises(InputError, match="is not a file"):
        Database(tmp_path / "listening.sqlite")
