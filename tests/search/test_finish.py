from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.records.record import RunRecord
from musicgen.search.finish import _track_pruned
from tests.records.made_runs import made_run, written
from tests.search.written_search import trial, write_search
from tests.tracking.test_comet import others, points, read_archive

OWN_TUNES = ("data=file", "data.path=a.abc")


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """A search whose trial 0 completed and whose trial 1 was pruned on a rung."""
    config = compose_config(
        ["tracker=offline", "data=file", "data.path=a.abc", "+training.stop_iteration=10"]
    )
    for number in (0, 1):
        run = made_run(f"00{number}/seed=0", status="pruned", metrics={"fit/validation_loss": 2.5})
        run.record.config, run.record.error = config.as_dict(), None
        directory = written(run, tmp_path)
        (directory / "history.csv").write_text(
            "iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n10,3.0,2.5,0.01,1000.0\n"
        )
    write_search(tmp_path, [trial(0, 1.5), trial(1, None, "pruned", rungs={10: 2.5})])
    return tmp_path


def test_a_pruned_trial_becomes_one_experiment_when_the_search_has_ended(search: Path) -> None:
    _track_pruned(search)
    _track_pruned(search)
    (archive,) = search.rglob("*.zip")
    assert archive.parent == search / "001" / "seed=0" / "comet"
    experiment, messages, _ = read_archive(archive)
    assert others(messages)["status"] == "pruned" and others(messages)["trial"] == 1
    assert {"pruned", "trial=1"} <= set(experiment["tags"])
    assert points(messages)["fit/validation_loss"] == [(10, 2.5)]
    assert (RunRecord.read(archive.parents[1]).comet or {}).keys() == {"archive"}


def test_without_comet_a_pruned_trial_stays_as_it_is(search: Path) -> None:
    directory = search / "001" / "seed=0"
    record = RunRecord.read(directory)
    without = compose_config([*OWN_TUNES, "tracker=none"])
    replace(record, config=without.as_dict()).write(directory)
    _track_pruned(search)
    assert not list(search.rglob("*.zip")) and not (directory / "comet").exists()


def test_a_damaged_record_costs_only_its_own_trial(search: Path, caplog: pytest.LogCaptureFixture) -> None:
    (search / "001" / "seed=0" / "run.json").write_text("{")
    _track_pruned(search)
    assert "trial 1 is not tracked: " in caplog.text and not list(search.rglob("*.zip"))
