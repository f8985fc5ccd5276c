from contextlib import nullcontext
from math import inf
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.records.record import RunRecord
from musicgen.run import execute as execute_module
from musicgen.run.execute import execute, stored_training
from musicgen.run.prepare import PreparedRun, prepare
from musicgen.tracking.tracker import Tracker
from musicgen.training.outcome import Divergence, TrainingDiverged, TrainingInterrupted
from tests.commands import TINY
from tests.tracking.test_comet import others, payloads, read_archive


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "outputs" / "store" / "abc"


ABOUT = {"trained_at": "2026-11-29T12:00:00+00:00", "trained_by": "../../runs/first"}


def test_weights_from_the_store_name_their_run_and_date(folder: Path) -> None:
    assert stored_training(ABOUT, folder, 300, 300) == (
        "weights from the store: trained on 2026-11-29 by outputs/runs/first, 0 iterations trained now"
    )


def test_a_training_that_resumes_says_from_where(folder: Path) -> None:
    assert stored_training(ABOUT, folder, 200, 300) == (
        "resuming from iteration 200 of 300 in the store, trained on 2026-11-29 by outputs/runs/first"
    )


def test_a_store_of_an_earlier_version_names_nobody(folder: Path) -> None:
    line = stored_training({"run_id": "x"}, folder, 300, 300)
    assert line == "weights from the store: trained before, 0 iterations trained now"


def test_a_strangers_store_cannot_write_to_the_terminal(folder: Path) -> None:
    line = stored_training({"trained_at": "\x1b[2J", "trained_by": "a\nb"}, folder, 300, 300)
    assert line.isprintable()


@pytest.fixture
def prepared(corpus: Path, tmp_path: Path) -> PreparedRun:
    overrides = [*TINY, f"data.path={corpus}", f"paths.outputs={tmp_path}", "training.num_threads=1"]
    (tmp_path / "run").mkdir()
    return prepare(compose_config(overrides), tmp_path / "run", "python -m musicgen.train", overrides)


DIVERGED = Divergence(iteration=7, learning_rate=0.1, loss=inf, gradient_norm=inf)


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        (None, "complete", None),
        (OSError("no space"), "failed", "OSError: no space"),
        (TrainingDiverged(DIVERGED), "diverged", str(DIVERGED)),
        (KeyboardInterrupt(), "interrupted", "interrupted"),
        (TrainingInterrupted(20), "interrupted", "interrupted after iteration 20"),
    ],
)
def test_trackers_hear_how_a_run_ended_whatever_ended_it(
    ending: BaseException | None,
    status: str,
    reason: str | None,
    prepared: PreparedRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []

    def end(_: object, record: RunRecord, tracker: Tracker) -> None:
        started.append(record.status)
        if ending is not None:
            raise ending

    monkeypatch.setattr(execute_module, "_do_steps", end)
    with nullcontext() if ending is None else pytest.raises(type(ending)):
        execute(prepared)
    record = RunRecord.read(prepared.directory)
    experiment, messages, _ = read_archive(prepared.directory / str((record.comet or {})["archive"]))
    statuses = [one["value"] for one in payloads(messages, "log_other") if one["key"] == "status"]
    assert started == ["running"] and statuses == ["running", status] and record.status == status
    assert others(messages).get("error") == reason
    assert (status in experiment["tags"]) == (ending is not None)
    assert others(messages)["run_id"] == prepared.run_id


def test_the_commit_is_among_the_versions_and_not_in_the_identity(
    prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_module, "_do_steps", lambda *_: None)
    monkeypatch.setattr(execute_module, "commit", lambda: "f00 (modified)")
    assert execute(prepared).versions["commit"] == "f00 (modified)"
    assert RunRecord.read(prepared.directory).run_id == prepared.run_id
    monkeypatch.setattr(execute_module, "commit", lambda: None)
    assert "commit" not in execute(prepared).versions
