"""What Comet gets of a run, read back from its archive."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicgen.config import Config, compose_config
from musicgen.records.record import RunRecord, Status
from musicgen.records.runs import FoundRun
from musicgen.run.experiment import facts_of, open_trackers, track_row, track_stopped, write_again
from musicgen.system.csv_cells import write_rows
from musicgen.tracking.config import COMET
from musicgen.tracking.tracker import Tracker
from tests.records.made_runs import made_run
from tests.tracking.test_comet import assets, others, points, read_archive
from tests.tracking.test_comet_settings import names_of

CHANGE = ("training.batch_size", 8, 16)
HISTORY = """iteration,train_loss,validation_loss,learning_rate,tokens_per_second
10,2.5,,0.005,1000.0
20,1.5,1.75,0.004,1100.0
30,1.25,2.25,0.003,1050.0
"""


@pytest.fixture(scope="module")
def config() -> Config:
    return compose_config(["tracker=offline", "data=file", "data.path=tunes.abc", "study.name=batches"])


@pytest.fixture
def run(config: Config, tmp_path: Path) -> FoundRun:
    """A complete run on the disk, with one song."""
    record = made_run("run", change=CHANGE, run_id="abc", training_id="def").record
    record.config = config.as_dict()
    record.corpus = {"name": "file", "sha256": "123"}
    record.versions = {"commit": "f00 (modified)"}
    record.metrics = {
        "fit/validation_loss": 1.75,
        "fit/train_loss": 1.3,
        "fit/final_validation_loss": 2.25,
        "similarity/musical_auc": 0.8,
        "validity/sound_rate": None,
    }
    record.reference = {"similarity/musical_auc": {"mean": 0.5, "sd": 0.1}}
    record.floor = {"similarity/musical_auc": 0.99}
    record.metrics_by = {"temperature": {"0.5": {"validity/sound_rate": 0.25}, "1.0": {}}}
    (tmp_path / "history.csv").write_text(HISTORY)
    (tmp_path / "tunes.abc").write_text("X:1\n")
    row = {"index": 3, "prompt": "X:1\nK:D\n", "temperature": 0.7, "kept": True, "title": "The Lark"}
    copies = {"nearest_tune": "Rakish Paddy", "nearest_notes": 12, "longest_copy": 9, "has_copy": False}
    write_rows([row | {"is_sound": False, "what_is_wrong": "a loop"} | copies], tmp_path / "tunes.csv")
    (tmp_path / "tunes").mkdir()
    soundfile.write(tmp_path / "tunes" / "003.wav", 0.3 * np.sin(np.arange(44100) / 20), 44100)
    record.write(tmp_path)
    return FoundRun(tmp_path, record)


def archived(run: FoundRun) -> tuple[dict, list[dict], dict[str, bytes]]:
    return read_archive(run.directory / str(write_again(run.record, run.directory)["archive"]))


def test_a_trial_stopped_on_a_rung_is_not_an_experiment_yet(tmp_path: Path) -> None:
    config = compose_config(["+training.stop_iteration=10"])
    assert open_trackers(config, tmp_path, "oneills", []).end() == {}


def test_facts_say_what_a_run_is_and_how_it_ended(run: FoundRun) -> None:
    experiment, messages, _ = archived(run)
    expected = {
        "status": "complete",
        "study": "batches",
        "arm": "batch_size=8",
        "parameter": "training.batch_size",
        "value": "8",
        "baseline_value": "16",
        "run_id": "abc",
        "training_id": "def",
        "corpus": "file",
        "corpus_sha256": "123",
        "commit": "f00 (modified)",
        "tunes_drawn": 200,
        "tunes_kept": 200,
    }
    assert others(messages).items() >= expected.items()
    assert "error" not in others(messages) and "complete" not in experiment["tags"]
    assert {"file", "seed=0", "study=batches"} <= set(experiment["tags"])


def test_conditions_change_how_many_tunes_are_kept(run: FoundRun) -> None:
    run.record.num_draws, run.record.num_kept = 300, 180
    facts = facts_of(run.record, run.directory)
    assert (facts["tunes_drawn"], facts["tunes_kept"]) == (300, 180)


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "pruned"])
def test_a_run_that_did_not_complete_is_tagged_and_says_why(run: FoundRun, status: Status) -> None:
    run.record.status, run.record.error = status, "OSError: no\nspace"
    experiment, messages, _ = archived(run)
    assert others(messages)["status"] == status and status in experiment["tags"]
    assert others(messages)["error"] == "OSError: no\\nspace"


def test_a_curve_has_the_rows_of_the_history_alone(run: FoundRun) -> None:
    """The run's own validation loss, the best one, would be a last point after the curve has risen again."""
    _, messages, _ = archived(run)
    found = points(messages)
    assert found["fit/train_loss"] == [(10, 2.5), (20, 1.5), (30, 1.25)]
    assert found["fit/validation_loss"] == [(20, 1.75), (30, 2.25)]
    assert found["fit/learning_rate"] == [(10, 0.005), (20, 0.004), (30, 0.003)]
    assert found["fit/tokens_per_second"] == [(10, 1000.0), (20, 1100.0), (30, 1050.0)]
    assert found["fit/best_validation_loss"] == [(30, 1.75)] and found["fit/train_split_loss"] == [(30, 1.3)]


def test_metrics_stand_next_to_their_reference_and_floor(run: FoundRun) -> None:
    _, messages, _ = archived(run)
    found = {name: value for name, ((_, value), *_) in points(messages).items()}
    assert found["similarity/musical_auc"] == 0.8
    assert found["similarity/musical_auc (real tunes)"] == 0.5
    assert found["similarity/musical_auc (5-gram)"] == 0.99
    assert found["validity/sound_rate (temperature 0.5)"] == 0.25
    assert "validity/sound_rate" not in found


def test_a_song_comes_with_prompt_temperature_and_copies(run: FoundRun) -> None:
    _, messages, files = archived(run)
    found = assets(messages, files)
    assert found["003.flac"][0] == "audio" and found["003.flac"][2] == {
        "tune": 3,
        "title": "The Lark",
        "prompt": "X:1\nK:D\n",
        "temperature": 0.7,
        "kept": True,
        "is_sound": False,
        "what_is_wrong": "a loop",
        "nearest_tune": "Rakish Paddy",
        "nearest_notes": 12,
        "longest_copy": 9,
        "has_copy": False,
    }
    assert found["tunes.csv"][1] == (run.directory / "tunes.csv").read_bytes()
    assert found["tunes.abc"][1] == b"X:1\n"
    wav = (run.directory / "tunes" / "003.wav").read_bytes()
    assert wav not in files.values()


def test_the_model_is_sent_on_request_alone(run: FoundRun, config: Config) -> None:
    state = run.directory / "store" / "def" / "end-000030.pt"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"PK weights")
    run.record.weights = str(state.relative_to(run.directory))
    _, messages, files = archived(run)
    assert "end-000030.pt" not in assets(messages, files)
    run.record.config = replace(config, tracker=replace(config.tracker, log_model=True)).as_dict()
    _, messages, files = archived(run)
    assert assets(messages, files)["end-000030.pt"][:2] == ("model-element", b"PK weights")


def test_a_row_of_the_history_is_one_call_with_its_iteration() -> None:
    calls = []

    class Spy(Tracker):
        def log_metrics(self, metrics: object, iteration: int | None = None) -> None:
            calls.append((metrics, iteration))

    row = {"iteration": 10.0, "train_loss": 2.5, "validation_loss": None, "learning_rate": 0.1}
    track_row(Spy(), row | {"tokens_per_second": 7.0})
    assert calls == [
        (
            {
                "fit/train_loss": 2.5,
                "fit/validation_loss": None,
                "fit/learning_rate": 0.1,
                "fit/tokens_per_second": 7.0,
            },
            10,
        )
    ]


def test_only_runs_of_a_sweep_add_their_names_to_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_EXPERIMENT_NAME", "foo")
    (tmp_path / "multirun.yaml").write_text("_target_: musicgen.sweep.x\n", encoding="utf-8")
    config, names = compose_config(["tracker=offline"]), []
    for directory in (tmp_path / "baseline" / "seed=0", tmp_path / "a" / "b" / "c" / "run"):
        directory.mkdir(parents=True)
        trackers = open_trackers(config, directory, "oneills", ["model=gru", "seed=0"])
        names += names_of(directory / str(trackers.end()[COMET]["archive"]))
    assert names == ["foo · baseline · seed 0", "foo"]


def test_a_stopped_trial_is_archived_where_the_user_keeps_archives(
    run: FoundRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(tmp_path / "archives"))
    run.record.status, run.record.tracker = "pruned", {}
    run.record.write(run.directory)
    track_stopped(run.directory)
    archive = Path(str((RunRecord.read(run.directory).comet or {})["archive"]))
    assert archive.parent == tmp_path / "archives" and archive.is_file()
    assert not (run.directory / "comet").exists()
