from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import TINY
from tests.soak.comet_faults import NO_FOLDER, OFFLINE, WITHOUT, Trial, lacking, summarise, try_run
from tests.soak.comet_server import comet_server
from tests.tracking.test_outbox import write_archive

SMALL = (*TINY, "rendering.num_tunes=1", "evaluation.num_reference_splits=2", "sampling.num_tunes=4")
TRIALS = [
    Trial(number, condition, 10.0, 20.0, 15.0, 0, "recorded", "")
    for number in (1, 2, 3)
    for condition in (WITHOUT, OFFLINE, "hangs")
]


@pytest.mark.slow
def test_a_run_survives_comet_faults_and_uploads_later(tunebook: Path, tmp_path: Path) -> None:
    overrides = [*SMALL, f"data.path={tunebook}"]
    trial = try_run(NO_FOLDER, 1, tmp_path / "run", tmp_path / "outputs", overrides)
    assert trial.problem == "" and trial.recorded and trial.train_seconds > 0


def test_an_incomplete_upload_is_detected(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "run", "first")
    with comet_server() as server:
        problems = lacking(archive, server)
    assert "files differ" in problems and "metrics are missing" in problems and "the end" in problems


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ({}, True),
        ({"processor_seconds": 15.7}, True),
        ({"processor_seconds": 15.8}, False),
        ({"problem": "files differ"}, False),
    ],
)
def test_broken_promises_are_detected(change: dict, is_kept: bool) -> None:
    trials = [replace(trial, **change) if trial.condition == "hangs" else trial for trial in TRIALS]
    assert summarise(trials) == is_kept
