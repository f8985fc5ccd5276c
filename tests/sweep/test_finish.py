"""The experiment of a study, read back from its archive."""

from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.config import Config, Stages, compose_config
from musicgen.effects.summary import Summary, summarise
from musicgen.records.destination import CONFIRMATION
from musicgen.records.runs import FoundRun
from musicgen.sweep.finish import _track
from tests.records.made_runs import LOSS, made_study
from tests.tracking.test_comet import assets, others, payloads, read_archive

LEVELS = {0.005: [1.0, 1.1, 1.2], 0.01: [0.90, 1.01, 1.10]}


@pytest.fixture(scope="module")
def config() -> Config:
    chosen = ["tracker=offline", "study.name=rates", f"study.primary_metrics=[{LOSS}]"]
    return compose_config([*chosen, "study.question='Which rate is <best>?'"])


def summary_of(runs: list[FoundRun], folder: Path) -> Summary:
    return summarise(runs, folder, draws=False)


def tracked(summary: Summary, config: Config, folder: Path) -> tuple[dict, list[dict], dict[str, bytes]]:
    _track(summary, config, folder)
    (archive,) = (folder / "comet").glob("*.zip")
    return read_archive(archive)


def page_of(messages: list[dict]) -> str:
    (payload,) = payloads(messages, "htmlOverride")
    return payload["htmlOverride"]


def test_a_study_has_its_tables_verdicts_and_page(config: Config, tmp_path: Path) -> None:
    plot = tmp_path / "effects.png"
    plot.write_bytes(b"picture")
    summary = replace(summary_of(made_study(LEVELS), tmp_path), plots=[plot])
    experiment, messages, files = tracked(summary, config, tmp_path)
    facts, found = others(messages), assets(messages, files)
    assert set(experiment["tags"]) == {"study", "study=rates"} and facts["Name"] == "study rates"
    assert (facts["status"], facts["runs"], facts["changes"], facts["seeds"]) == ("complete", 6, 1, 3)
    assert facts[f"verdict: {LOSS}"] == "Validation loss is clearly better with learning_rate=0.01."
    for table in ("runs.csv", "effects.csv", "noise.csv"):
        assert found[table][1] == (tmp_path / table).read_bytes()
    assert found["effects.png"][:2] == ("visualization", b"picture")
    page = page_of(messages)
    assert "Which rate is &lt;best&gt;?" in page and "clear: better" in page and "cGljdHVyZQ==" in page


def test_a_study_with_a_failed_run_does_not_look_complete(config: Config, tmp_path: Path) -> None:
    runs = made_study(LEVELS)
    runs[0].record.status, runs[0].record.error = "failed", "OSError: no space"
    facts = others(tracked(summary_of(runs, tmp_path), config, tmp_path)[1])
    assert facts["status"] == "incomplete"
    assert str(facts["error"]).startswith("1 of 6 runs did not complete; the first: baseline, seed 0 failed")


def test_a_first_stage_claims_nothing(config: Config, tmp_path: Path) -> None:
    declared = replace(config, study=replace(config.study, stages=Stages(1, 2)))
    runs = made_study(LEVELS, study={"stages": {"confirm": 1, "seeds": 2}, "primary_metrics": [LOSS]})
    _, messages, _ = tracked(summary_of(runs, tmp_path), declared, tmp_path)
    facts = others(messages)
    assert not any(name.startswith("verdict") for name in facts)
    assert facts["stage"] == "first stage" and facts["Name"] == "study rates, first stage"
    assert "stage one: 1 change with seeds 0, 1 and 2" in page_of(messages)


def test_a_second_stage_carries_the_name_of_its_study(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "wide" / CONFIRMATION
    folder.mkdir(parents=True)
    unnamed = replace(config, study=replace(config.study, name=None))
    _, messages, _ = tracked(summary_of(made_study(LEVELS), folder), unnamed, folder)
    facts = others(messages)
    assert facts["stage"] == CONFIRMATION and facts["Name"] == "study wide, confirmation"
    assert "the verdicts rest on these runs alone" in page_of(messages)
