from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.experiment import open_tracker, write_again
from musicgen.study.record import RunRecord
from musicgen.tracking.tracker import NoTracker
from soaks.comet_faults import name_of
from tests.commands import last_line, train
from tests.tracking.test_comet import read_archive


@pytest.mark.slow
def test_an_archive_out_of_the_directory_is_the_one_that_was_written_meanwhile(
    tunebook: Path, tmp_path: Path
) -> None:
    choices = ("rendering.num_tunes=1", "sampling.num_tunes=4", "evaluation.num_reference_splits=2")
    directory = last_line(train(tunebook, tmp_path / "outputs", *choices))
    record = RunRecord.read(directory)
    first = directory / str(record.tracker["archive"])
    told = {"kind": "comet", "error": "the disk was full"}
    record.tracker = told
    again = write_again(record, directory)
    assert set(again) == {"kind", "archive"} and record.tracker == told
    assert summary(first) == summary(directory / str(again["archive"]))


def summary(archive: Path) -> tuple[object, ...]:
    """What an archive holds but for times and keys."""
    experiment, messages, files = read_archive(archive)
    metrics = [
        (metric["metricName"], metric["metricValue"], metric["step"])
        for metric in (each["payload"]["metric"] for each in messages if each["type"] == "metric_msg")
        if metric["metricName"] != "process duration"
    ]
    parameters = [each["payload"]["param"] for each in messages if each["type"] == "parameter_msg"]
    names = [name_of(each["payload"]) for each in messages if each["type"] == "file_upload"]
    return set(experiment["tags"]), metrics, parameters, names, sorted(files.values())


def test_a_run_that_only_looks_is_no_experiment(tmp_path: Path) -> None:
    config = compose_config(["training.stop_iteration=10"])
    assert isinstance(open_tracker(config, tmp_path, "oneills", ""), NoTracker)
