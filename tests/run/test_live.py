"""Runs that train are shown on a stand-in for Comet's server."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.records.record import RunRecord
from musicgen.run import live
from musicgen.run.experiment import described, track_results, track_row
from musicgen.run.live import Follower
from musicgen.tracking.comet_settings import FOLDER
from musicgen.tracking.history import HistoryFile
from musicgen.tracking.outbox import address_of, send_all
from musicgen.tracking.trackers import comet_alone
from tests.processes import wait_until
from tests.records.made_runs import made_run
from tests.soak.comet_server import CometServer, Experiment, comet_server
from tests.tracking.test_comet import CONFIG


class Training:
    """A run under way, as far as its files show it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.record = made_run(directory).record
        self.record.config = compose_config(["training.learning_rate=0.005"]).as_dict()
        self.record.status = "running"
        self.tracker = comet_alone(CONFIG, directory / FOLDER, "name", ["tag"])
        self.record.tracker = dict(self.tracker.started)
        self.record.write(directory)
        self.archive = directory / str((self.record.comet or {})["archive"])
        self.history = HistoryFile(directory / "history.csv")

    def step(self, iteration: int) -> None:
        row: dict[str, float | None] = {
            "iteration": iteration,
            "train_loss": 1 / iteration,
            "validation_loss": None,
            "learning_rate": 0.01,
            "tokens_per_second": 100.0,
        }
        self.history.write(row)
        track_row(self.tracker, row)

    def end(self) -> None:
        self.history.__exit__()
        self.record.metrics = {"validity/sound_rate": 0.5}
        self.record.status = "complete"
        track_results(self.tracker, self.record, self.directory)
        self.record.tracker = dict(self.tracker.end())
        self.record.write(self.directory)

    def shown_by(self, server: CometServer) -> Experiment | None:
        return server.experiments.get(self.archive.stem)


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Whether the command that is followed has ended; set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def follow(directory: Path, ended: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=Follower(directory, ended).follow, daemon=True)
    thread.start()
    return thread


def iterations_on(experiment: Experiment | None) -> list[int | None]:
    return (
        []
        if experiment is None
        else [step for name, _, step in experiment.metrics if name == "fit/train_loss"]
    )


@pytest.mark.slow
def test_two_runs_are_shown_while_they_train_and_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    with comet_server() as server:
        server.give_to(monkeypatch)
        over = Training(tmp_path / "over")
        over.end()
        thread = follow(tmp_path, ended)
        runs = [Training(tmp_path / name) for name in ("first", "second")]
        for iteration in (10, 20):
            for run in runs:
                run.step(iteration)
            wait_until(
                lambda last=iteration: all(last in iterations_on(run.shown_by(server)) for run in runs)
            )
        first, second = (run.shown_by(server) for run in runs)
        assert first is not None and second is not None
        assert first.is_running and second.is_running and first.others["status"] == "running"
        wait_until(lambda: "training.learning_rate" in first.parameters)
        assert first.parameters["training.learning_rate"] == 0.005 and "seed=0" in first.tags
        assert first.others["Name"] == described(runs[0].record, runs[0].directory).name
        assert str(address_of(runs[0].archive)).endswith(runs[0].archive.stem)
        runs[0].step(30)
        for run in runs:
            run.end()
        wait_until(lambda: any(name == "validity/sound_rate" for name, *_ in second.metrics))
        assert second.others["status"] == "complete" and not second.is_ended
        ended.set()
        thread.join(60)
        assert not thread.is_alive()
        assert [done.state for done in send_all([run.archive for run in runs], 60.0)] == ["sent", "sent"]
    assert iterations_on(first) == [10, 20, 30] and iterations_on(second) == [10, 20]
    assert first.is_ended and not first.is_running
    twice = [
        point
        for point, times in Counter((name, step) for name, _, step in first.metrics).items()
        if times > 1
    ]
    assert not twice and ("validity/sound_rate", 0.5) in [(name, value) for name, value, _ in first.metrics]
    assert over.shown_by(server) is None


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_interrupted_on_comet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    with comet_server() as server:
        server.give_to(monkeypatch)
        thread, run = follow(tmp_path, ended), Training(tmp_path / "run")
        run.step(10)
        wait_until(lambda: iterations_on(run.shown_by(server)) == [10])
        ended.set()
        thread.join(60)
        experiment = run.shown_by(server)
        assert experiment is not None and experiment.others["status"] == "interrupted"
        assert not experiment.is_running and RunRecord.read(run.directory).status == "running"
        run.end()


@pytest.mark.slow
def test_a_server_that_comes_back_gets_the_whole_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    monkeypatch.setattr(live, "_RETRY_SECONDS", 0.5)
    monkeypatch.setenv("COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL", "0")
    with comet_server("status 500") as server:
        server.give_to(monkeypatch)
        thread, run = follow(tmp_path, ended), Training(tmp_path / "run")
        run.step(10)
        wait_until(lambda: server.num_requests > 0)
        server.fault = "none"
        run.step(20)
        wait_until(lambda: iterations_on(run.shown_by(server)) == [10, 20])
        run.end()
        ended.set()
        thread.join(60)
    assert not thread.is_alive()
