import json
from dataclasses import asdict
from pathlib import Path

import pytest

from musicgen.records.destination import CONFIRMATION
from musicgen.run.additions import track_page
from tests.records.made_runs import made_run, written
from tests.tracking.test_comet import CONFIG, payloads, read_archive
from tests.tracking.test_outbox import write_archive


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of one run."""
    run = made_run("baseline/seed=0")
    run.record.config = {**run.record.config, "tracker": asdict(CONFIG)}
    written(run, tmp_path)
    return tmp_path


def note_as_sent(archive: Path) -> None:
    entry = {archive.name: {"url": "https://a.b", "sent_at": "2026-01-01T00:00:00+00:00"}}
    (archive.parent / "uploads.json").write_text(json.dumps(entry), encoding="utf-8")


def additions(folder: Path) -> list[Path]:
    return sorted((folder / "comet").glob("*-*.zip"))


def test_a_report_is_shown_in_the_experiment_of_its_study(sweep: Path) -> None:
    study = write_archive(sweep, "study")
    note_as_sent(study)
    track_page(sweep, "<h1>Rates</h1>")
    (addition,) = additions(sweep)
    assert addition.name.startswith(study.stem)
    assert payloads(read_archive(addition)[1], "htmlOverride")[-1]["htmlOverride"] == "<h1>Rates</h1>"


def test_a_report_of_two_stages_belongs_to_the_second(sweep: Path) -> None:
    note_as_sent(write_archive(sweep, "first"))
    (sweep / CONFIRMATION).mkdir()
    note_as_sent(write_archive(sweep / CONFIRMATION, "second"))
    track_page(sweep, "<h1>Rates</h1>")
    assert additions(sweep) == [] and len(additions(sweep / CONFIRMATION)) == 1


def test_a_report_of_what_comet_does_not_have_adds_nothing(sweep: Path) -> None:
    track_page(sweep, "<h1>Rates</h1>")
    write_archive(sweep, "study")
    track_page(sweep, "<h1>Rates</h1>")
    assert additions(sweep) == []
