"""Starting a session with options, and resuming one of an earlier version."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.listen import _parse_arguments
from musicgen.listening.opening import Options, open_session
from musicgen.listening.printing import print_results
from musicgen.listening.service import ListeningService
from musicgen.records.ratings import SAMPLE_COLUMNS, find_means
from tests.listening.made_session import BASELINE, CHANGED, rate_all
from tests.listening.test_session import rewrite_tunes


def opened(sweep: Path, *arguments: object) -> ListeningService:
    return open_session(Options(**vars(_parse_arguments([str(one) for one in (sweep, *arguments)]))))


@pytest.fixture
def earlier(sweep: Path) -> Path:
    """The sweep with a session that an earlier version drew, and in which Anna has rated two tunes."""
    script = Path(__file__).with_name("earlier_session.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(sweep / "listening.sqlite")) as connection:
        connection.executescript(script)
    return sweep


def test_a_session_of_an_earlier_version_continues(earlier: Path) -> None:
    listening = opened(earlier)
    database, settings = listening.database, listening.database.settings
    assert (settings.max_seconds, settings.has_repeats, settings.any_tune) == (30, True, False)
    assert len(database.stimuli) == 10 and database.samples == {}
    anna = database.enter("Anna")
    assert [len(trial.answers) for trial in database.trials(anna.listener_id)] == [4, 4] + 12 * [0]
    listening.render()
    rate_all(database, "Anna", {BASELINE: 2, CHANGED: 4, "corpus": 5, "shuffled": 1})
    listening.results()
    rows = find_means(listening.runs)
    assert len(rows) == 4 * 4 and all(row[name] == "" for row in rows for name in SAMPLE_COLUMNS)
    assert listening.result({"listener": anna.listener_id})["samples"] == []


def test_options_that_contradict_the_session_are_refused(earlier: Path) -> None:
    opened(earlier, "--valid-only", "--num-tunes", 8)
    with pytest.raises(InputError, match="--max-seconds: the session in .* has 30"):
        opened(earlier, "--max-seconds", 60)
    with pytest.raises(InputError, match="was drawn from valid tunes only; use --out DIR"):
        opened(earlier, "--any-tune")


def test_a_new_session_draws_every_tune_and_says_what_is_invalid(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite_tunes(sweep / CHANGED, lambda row: row | {"num_notes": "0" if row["index"] in "01" else "9"})
    listening = opened(sweep, "--num-tunes", 8, "--num-anchors", 0)
    settings = listening.database.settings
    assert (settings.max_seconds, settings.has_repeats, settings.any_tune) == (60, False, True)
    rate_all(listening.database, "Anna", {BASELINE: 2, CHANGED: 4})
    print_results(listening.results(), listening.database)
    printed = capsys.readouterr().out
    assert f"{CHANGED}: of 16 sampled tunes, 6 (38 %) invalid, 4 (25 %) without notes" in printed
    with (sweep / "listening.csv").open(newline="") as file:
        shares = {row["arm"]: [row[name] for name in SAMPLE_COLUMNS] for row in csv.DictReader(file)}
    # The last of eight tunes of each run is invalid.
    assert shares == {BASELINE: ["16", "0.125", "0.0"], CHANGED: ["16", "0.375", "0.25"]}


def test_one_listener_is_singular_and_may_have_repeated_nothing(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = opened(sweep, "--num-tunes", 4, "--num-anchors", 0).database
    anna = database.enter("Anna")
    database.answer(anna.listener_id, database.trials(anna.listener_id)[0].trial_id, "musicality", 3)
    listening = opened(sweep)
    database.end(anna.listener_id)
    database.enter("Ben")
    print_results(listening.results(), database)
    printed = capsys.readouterr().out
    assert "with 1 listener so far\n" in printed
    assert "1 listener has not ended; their answers are saved but not shown" in printed
    assert "Anna: no repeated ratings\n" in printed


def test_tunes_that_fade_out_early_are_counted(sweep: Path) -> None:
    listening = opened(sweep, "--num-tunes", 4, "--num-anchors", 0, "--max-seconds", 1)
    remark = "4 of 4 tunes fade out at 1 s, before their end: see --max-seconds"
    assert listening.database.remarks[-1] == remark
    for seconds, limit in ((0, "at least 1"), (601, "at most 600")):
        with pytest.raises(InputError, match=f"--max-seconds {seconds}: must be {limit}"):
            opened(sweep, "--out", sweep / "other", "--max-seconds", seconds)
