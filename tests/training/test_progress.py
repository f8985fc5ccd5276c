import logging

import pytest

from musicgen.training.outcome import Record
from musicgen.training.progress import Progress, TrainingProgress, report_progress_to, report_stage


def test_every_change_is_reported() -> None:
    reports: list[Progress] = []
    with report_progress_to(reports.append):
        with TrainingProgress(40) as training:
            training.step(1)
            training.record(Record(10, 2.0, None, 0.1, 1000.0))
            training.record(Record(20, 1.5, 1.75, 0.1, 1100.0))
            training.record(Record(30, 1.25, None, 0.1, 1200.0))
        report_stage("sampling")
    assert reports == [
        Progress("starting"),
        Progress("training", 0, 40),
        Progress("training", 1, 40),
        Progress("training", 10, 40, 2.0, None, 1000.0),
        Progress("training", 20, 40, 1.5, 1.75, 1100.0),
        Progress("training", 30, 40, 1.25, 1.75, 1200.0),
        Progress("sampling", 30, 40, 1.25, 1.75, 1200.0),
    ]


def test_the_next_run_starts_afresh() -> None:
    with report_progress_to(lambda _: None):
        report_stage("sampling")
    reports: list[Progress] = []
    report_stage("evaluating")
    with report_progress_to(reports.append):
        pass
    assert reports == [Progress()]


def train() -> None:
    with TrainingProgress(40) as training:
        training.record(Record(10, 2.0, None, 0.1, 1000.0))
        training.record(Record(20, 1.5, 1.75, 0.1, 1100.4))


def test_a_terminal_shows_a_bar_unless_progress_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with report_progress_to(lambda _: None):
        train()
    assert "20/40" not in capsys.readouterr().err
    train()
    assert "20/40" in capsys.readouterr().err


def test_without_a_terminal_each_validation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        train()
    assert caplog.messages == [
        "iteration 20 of 40: loss 1.5000, validation loss 1.7500 nats per character, 1,100 tokens/s"
    ]


def test_what_came_from_the_store_is_not_logged_as_progress(caplog: pytest.LogCaptureFixture) -> None:
    reports: list[Progress] = []
    with caplog.at_level(logging.INFO), report_progress_to(reports.append), TrainingProgress(40) as training:
        training.resume(20)
        training.record(Record(20, 1.5, 1.75, 0.1, 1100.4))
        assert not caplog.messages
        training.record(Record(40, 1.25, 1.5, 0.1, 1100.4))
    assert [message.partition(":")[0] for message in caplog.messages] == ["iteration 40 of 40"]
    assert [one.iteration for one in reports] == [0, 0, 20, 40], "the display of a sweep shows all rows"
