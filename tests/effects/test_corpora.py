"""Runs whose corpus changed under them are never compared, and are named."""

from pathlib import Path

import pytest

from musicgen.effects.corpora import describe_changed_corpora
from musicgen.effects.pairing import PairedRuns, pair_runs
from musicgen.effects.table import effects_table
from musicgen.records.runs import FoundRun
from musicgen.search.summary import summarise_search
from tests.records.made_runs import LOSS, made_run, made_study, written
from tests.search.written_search import trial, write_search

OTHER = "f" * 64


def reads(run: FoundRun, text: str, length: int | None = None) -> FoundRun:
    run.record.corpus = {"name": "oneills", "sha256": text, "characters_read": length}
    return run


def runs_of(paired: PairedRuns) -> dict[object, list[int]]:
    return {
        arm.change and arm.change.value: [run.record.seed for run in arm.runs]
        for arm in (paired.baseline, *paired.arms)
    }


def test_an_arm_that_read_another_text_has_no_effect() -> None:
    study = made_study({0.005: [1.0, 1.1], 0.001: [1.2, 1.3], 0.01: [1.4, 1.5]})
    for run in study[4:]:
        reads(run, OTHER)
    paired = pair_runs(study)
    assert runs_of(paired) == {None: [0, 1], 0.001: [0, 1]} and len(paired.left_out) == 2
    assert {effect.value for effect in effects_table(paired)} == {0.001}


def test_the_text_of_most_of_the_baseline_decides() -> None:
    study = made_study({0.005: [1.0, 1.1, 1.2], 0.01: [1.4, 1.5, 1.6]})
    for run in study[1:]:
        reads(run, OTHER)
    assert runs_of(pair_runs(study)) == {None: [1, 2], 0.01: [0, 1, 2]}


def test_a_changed_file_is_not_an_arm() -> None:
    grid = [
        made_run(f"grid/{number}/x", overrides={"training.learning_rate": rate}, metrics={LOSS: 1.0})
        for number, rate in enumerate([0.005, 0.01, 0.005, 0.02])
    ]
    reads(grid[2], OTHER)
    reads(grid[3], OTHER)
    paired = pair_runs(grid)
    assert runs_of(paired) == {None: [0], 0.01: [0]} and len(paired.left_out) == 2


def test_sweeps_of_a_changed_corpus_file_are_not_mixed() -> None:
    before, after = made_study({0.005: [1.0], 0.01: [1.1]}), made_study({0.005: [2.0], 0.02: [2.1]})
    after = [reads(FoundRun(Path("later") / run.directory, run.record), OTHER) for run in after]
    paired = pair_runs([*before, *after])
    assert runs_of(paired) == {None: [0], 0.01: [0]} and len(paired.left_out) == 2
    paired = pair_runs([*(reads(run, "0") for run in after), *before])
    assert runs_of(paired) == {None: [0], 0.01: [0], 0.02: [0]}


def test_another_corpus_or_cleaning_is_an_arm() -> None:
    base = [reads(made_run("s/base/seed=0"), "0", 1000)]
    raw = made_run("s/raw/seed=0", overrides={"data.clean": False}, change=("data.clean", False, True))
    other = made_run("s/other/seed=0", overrides={"data.path": "airds"}, change=("data", "airds", "oneills"))
    arms = [reads(raw, "1", 1000), reads(other, "2", 777)]
    assert list(runs_of(pair_runs([*base, *arms]))) == [None, False, "airds"]
    reads(raw, "1", 999)
    paired = pair_runs([*base, *arms])
    assert list(runs_of(paired)) == [None, "airds"] and len(paired.left_out) == 1


def test_a_line_names_which_runs_read_which_text() -> None:
    study = made_study({0.005: [1.0, 1.1, 1.2, 1.3, 1.4], 0.01: [1.4]})
    assert describe_changed_corpora(study, Path()) == []
    reads(study[5], OTHER)
    assert describe_changed_corpora(study, Path("sweep")) == [
        "the corpus oneills changed between runs (SHA-256 0 by "
        "learning_rate=0.005/seed=0, learning_rate=0.005/seed=1, learning_rate=0.005/seed=2, 2 more; "
        "ffffffffffff by learning_rate=0.01/seed=0): only runs that read the same tunes are compared"
    ]


def test_a_search_whose_corpus_changed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = [trial(number, None, "diverged") for number in range(2)]
    for one, text in zip(trials, ("0", OTHER), strict=True):
        written(reads(made_run(one.directory, status="diverged"), text), tmp_path)
    write_search(tmp_path, trials)
    assert not summarise_search(tmp_path, draws=False)
    assert "the corpus oneills changed between runs" in capsys.readouterr().out
