"""What of an archive is sent to a server that has a part of it."""

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from musicgen.tracking import delivery
from musicgen.tracking.archive import MESSAGES
from musicgen.tracking.delivery import Stored, drop_stored, stored, wait_for
from tests.soak.comet_server import KEY, comet_server
from tests.tracking.test_outbox import write_archive


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """An archive with two points of a curve and a file."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(write_archive(tmp_path / "run", "first")) as content:
        content.extractall(folder)
    return folder


def points_in(folder: Path) -> list[tuple[str, int]]:
    messages = [json.loads(line) for line in (folder / MESSAGES).read_text().splitlines()]
    metrics = [message["payload"]["metric"] for message in messages if message["type"] == "metric_msg"]
    return [(metric["metricName"], metric["step"]) for metric in metrics]


def test_nothing_is_dropped_if_comet_has_nothing(unpacked: Path) -> None:
    before = (unpacked / MESSAGES).read_text()
    num_points, num_files = drop_stored(unpacked, Stored())
    assert (num_points, num_files) == (len(points_in(unpacked)), 1)
    assert (unpacked / MESSAGES).read_text() == before


def test_points_and_files_that_comet_has_are_dropped(unpacked: Path) -> None:
    known = Stored(Counter({("fit/train_loss", "10"): 1}), Counter({("first.csv",): 1}))
    total = len(points_in(unpacked))
    num_files = len(list(unpacked.iterdir()))
    assert drop_stored(unpacked, known) == (total - 1, 0)
    assert ("fit/train_loss", 20) in points_in(unpacked) and ("fit/train_loss", 10) not in points_in(unpacked)
    assert len(list(unpacked.iterdir())) == num_files - 1
    assert known.totals == (1, 1)


def test_an_addition_keeps_points_with_other_values(unpacked: Path) -> None:
    """A second note on a run may rate the same criterion."""
    known = Stored(
        Counter({("fit/train_loss", "10", "9.0"): 1, ("fit/train_loss", "20", "1.5"): 1}),
        Counter({("first.csv", "1"): 1}),
        is_exact=True,
    )
    _, num_files = drop_stored(unpacked, known)
    assert ("fit/train_loss", 10) in points_in(unpacked) and ("fit/train_loss", 20) not in points_in(unpacked)
    assert num_files == 1


def test_the_server_says_what_it_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    with comet_server() as server:
        server.give_to(monkeypatch)
        assert stored("unknown", KEY) == Stored()
        experiment = server.experiments["known"]
        experiment.metrics += [("loss", 2.5, 10), ("loss", 1.5, 20), ("sound", 0.5, None)]
        experiment.files += [("a.csv", b"text")]
        found = stored("known", KEY)
        assert (
            found.totals == (3, 1) and found.points["loss", "10"] == 1 and found.points["sound", "None"] == 1
        )
        exact = stored("known", KEY, is_exact=True)
        assert exact.points["loss", "20", "1.5"] == 1 and exact.files["a.csv", "4"] == 1
        assert wait_for("known", KEY, 3, 1) == ""
        monkeypatch.setattr(delivery, "_SECONDS_TO_SHOW", 0.1)
        assert wait_for("known", KEY, 4, 1) == "Comet shows 3 of 4 points and 1 of 1 files"
