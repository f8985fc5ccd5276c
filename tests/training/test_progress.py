"""A run tells a listener where it stands, and shows itself where nobody listens."""

import logging

import pytest

from musicgen.training.outcome import Record
from musicgen.training.progress import Progress, Standing, listen, tell_stage


def test_a_listener_hears_every_change() -> None:
    heard: list[Standing] = []
    with listen(heard.append):
        with Progress(40) as progress:
            progress.step(1)
            progress.record(Record(10, 2.0, None, 0.1, 1000.0))
            progress.record(Record(20, 1.5, 1.75, 0.1, 1100.0))
            progress.record(Record(30, 1.25, None, 0.1, 1200.0))
        tell_stage("sampling")
    assert heard == [
        Standing("starting"),
        Standing("training", 0, 40),
        Standing("training", 1, 40),
        Standing("training", 10, 40, 2.0, None, 1000.0),
        Standing("training", 20, 40, 1.5, 1.75, 1100.0),
        Standing("training", 30, 40, 1.25, 1.75, 1200.0),
        Standing("sampling", 30, 40, 1.25, 1.75, 1200.0),
    ]


def test_the_next_run_starts_afresh() -> None:
    with listen(lambda _: None):
        tell_stage("sampling")
    heard: list[Standing] = []
    tell_stage("evaluating")
    with listen(heard.append):
        pass
    assert heard == [Standing()]


@pytest.mark.parametrize("is_heard", [False, True])
def test_a_bar_on_a_terminal_unless_somebody_listens(
    is_heard: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    def train() -> None:
        with Progress(40) as progress:
            progress.record(Record(20, 1.5, 1.75, 0.1, 1100.0))

    if is_heard:
        with listen(lambda _: None):
            train()
    else:
        train()
    assert ("20/40" in capsys.readouterr().err) is not is_heard


def test_elsewhere_there_is_a_line_for_each_validation(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Progress(40) as progress:
        progress.record(Record(10, 2.0, None, 0.1, 1000.0))
        progress.record(Record(20, 1.5, 1.75, 0.1, 1100.4))
    assert caplog.messages == [
        "iteration 20 of 40: loss 1.5000, validation loss 1.7500 nats per character, 1,100 tokens/s"
    ]
