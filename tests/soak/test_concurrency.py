from pathlib import Path

import pytest

from tests.soak import concurrency
from tests.soak.concurrency import Trials
from tests.soak.results import differing


@pytest.mark.slow
def test_waiting_for_a_suspended_training_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "LONG", 300)
    # Nobody waits for songs, and figures are drawn from the losses that are compared.
    monkeypatch.setattr(concurrency, "SONGS", ("rendering=none", "rendering.plots=false"))
    row = Trials(tmp_path, processes=4).suspended()
    assert row.problems == []
    assert (row.runs, row.trainings, row.iterations_trained) == (2, 1, 300) and row.waits >= 1
    assert any("it is suspended: resume it with `kill -CONT" in note for note in row.notes)


def test_the_first_difference_of_each_kind_is_named() -> None:
    first = {"tunes": {"a": b"1", "b": b"2"}, "MIDI": {"a": b"1"}, "scores": {}}
    second = {"tunes": {"a": b"1", "b": b"3"}, "MIDI": {"a": b"1"}, "audio": {"c": b""}}
    assert differing(first, second) == {"tunes": "b", "audio": "c"}
