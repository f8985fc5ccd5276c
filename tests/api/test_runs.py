"""Runs and sweeps as objects and tables."""

import os
from pathlib import Path

import pandas
import pytest

import musicgen
from musicgen.compare import main as compare_command
from musicgen.records.record import RunRecord
from tests.records.made_runs import LOSS


def test_a_run_shows_what_its_record_holds(run: musicgen.Run) -> None:
    record = RunRecord.read(run.directory)
    assert (run.status, run.seed, run.error, run.command) == ("complete", 0, None, record.command)
    assert run.config == record.config and run.metrics == record.metrics
    assert run.reference == record.reference
    assert os.fspath(run) == str(run.directory)
    assert repr(run) == f"<run {run.directory}: complete, seed 0>"


def test_a_run_in_a_notebook_shows_its_headline_metrics(run: musicgen.Run) -> None:
    page = run._repr_html_()
    assert "validity/sound_rate" in page and "complete, seed 0" in page


def test_the_history_has_both_losses(run: musicgen.Run) -> None:
    assert run.history["iteration"].tolist() == [10, 20, 30, 40, 50, 60]
    assert run.history["validation_loss"].notna().tolist() == [False, True] * 3


def test_a_run_without_results_has_empty_tables(place: Path) -> None:
    diverged = musicgen.load_run(place / "outputs/sweep/training.learning_rate=0.02/seed=2")
    (diverged.directory / "history.csv").unlink(missing_ok=True)
    assert diverged.status == "diverged" and diverged.error == "it diverged"
    assert len(diverged.history) == 0 and "train_loss" in diverged.history
    assert len(diverged.tunes) == len(diverged.songs) == 0
    assert diverged.songs._repr_html_() == "no tunes"


def test_runs_of_several_folders_are_one_table(place: Path, run: musicgen.Run) -> None:
    table = musicgen.load_runs(run, place / "outputs" / "sweep")
    assert len(table) == 10
    assert table["status"].value_counts().to_dict() == {"complete": 9, "diverged": 1}


def test_a_comparison_equals_the_commands_table_and_writes_nothing(place: Path, tmp_path: Path) -> None:
    sweep = place / "outputs" / "sweep"
    before = sorted(sweep.rglob("*"))
    effects = musicgen.compare(sweep)
    assert sorted(sweep.rglob("*")) == before
    assert compare_command([str(sweep), "--out", str(tmp_path), "--no-plots"]) == 0
    written = pandas.read_csv(tmp_path / "effects.csv")
    assert list(effects) == list(written)
    for name in ("parameter", "metric", "decision", "grade", "answer", "verdict"):
        assert effects[name].tolist() == written[name].tolist()
    assert effects["difference"].to_numpy() == pytest.approx(written["difference"].to_numpy(), nan_ok=True)


def test_another_baseline_turns_the_comparison_round(place: Path) -> None:
    sweep = place / "outputs" / "sweep"
    effects = musicgen.compare(sweep / "baseline", sweep / "model.cell=gru", baseline="model.cell=gru")
    loss = effects[effects["metric"] == LOSS].iloc[0]
    assert (loss["value"], loss["baseline_value"]) == ("lstm", "gru")
    assert loss["difference"] == pytest.approx(0.19)
    with pytest.raises(musicgen.InputError, match="no run has a parameter model.size"):
        musicgen.compare(sweep, baseline=["model.size=3"])


@pytest.mark.parametrize("load", [musicgen.load_runs, musicgen.compare])
def test_no_path_and_no_run_are_one_line(load: object, tmp_path: Path) -> None:
    assert callable(load)
    with pytest.raises(musicgen.InputError, match=r"^a path is needed: a run or sweep directory"):
        load()
    with pytest.raises(musicgen.InputError, match=r"no run here, no run\.json"):
        load(tmp_path)


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(musicgen.InputError, match=r"is not a run directory: it has no run\.json$"):
        musicgen.load_run(tmp_path)
