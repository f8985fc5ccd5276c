from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.reporting.advice import best_settings
from musicgen.reporting.markup import html_page, report_text
from musicgen.reporting.report import ReportOptions, make_report
from musicgen.reporting.study_data import StudyData, read_study
from musicgen.search.objective import objectives_of
from tests.records.made_runs import LOSS, RATE, made_run
from tests.reporting.written_study import GOOD, write_run
from tests.search.written_search import trial, write_search

LOSSES = [1.9, 1.7, None, 1.8, *[2.0] * 6, 1.6]


@pytest.fixture
def search(tmp_path: Path) -> Path:
    root = tmp_path / "hidden"
    trials = [
        trial(number, loss, "diverged" if loss is None else "complete") for number, loss in enumerate(LOSSES)
    ]
    for one in trials:
        run = made_run(
            one.directory,
            run_id=f"run{one.number}",
            overrides=dict(one.levels),
            metrics={} if one.values is None else {LOSS: one.values[0]},
            status="diverged" if one.values is None else "complete",
        )
        write_run(run, root, [] if one.values is None else [(GOOD + "C" * one.number, {})])
    write_search(root, trials)
    return root


@pytest.fixture
def study(search: Path) -> StudyData:
    return read_study([search])


def test_the_report_shows_the_search_and_names_runs_by_settings(study: StudyData, tmp_path: Path) -> None:
    report = make_report(study, tmp_path / "out", ReportOptions(best=1))
    assert study.name == "hidden" and study.question == "Which settings give the lowest validation loss?"
    assert report.changed == (
        "11 trials: 10 complete, 1 diverged; searched: training.learning_rate, model.hidden_size and "
        "model.cell."
    )
    assert report.best_settings == [
        "The lowest validation loss of the search, 1.6, came with learning_rate=1e-10, "
        "hidden_size=74 and cell=lstm."
    ]
    assert "baseline" not in [row.change for row in report.runs]
    assert "cell=gru, hidden_size=65, learning_rate=0.1" in {row.change for row in report.runs}
    assert len(report.search_plots) == 3
    page, text = html_page(report, embedded=True).html, report_text(report)
    assert 'id="search"' in page and "Every trial, lowest validation loss first." in page
    assert "| 10 | 1e\\-10 | 74 | lstm | 1.600 | complete |" in text
    assert text.index("| 10 | 1e") < text.index("| 1 | 0.1") < text.index("| 2 | 0.01")


def test_unreadable_trials_are_an_error(search: Path) -> None:
    (search / "trials.csv").write_text("trial\nx\n")
    with pytest.raises(InputError, match=r"trials\.csv: cannot be read"):
        read_study([search])


def test_the_report_names_the_objectives(tmp_path: Path) -> None:
    root = tmp_path / "hidden"
    values = [(1.9, 0.5), (1.7, 0.25), None, (1.8, 0.125)]
    trials = [trial(number, one, "complete" if one else "failed") for number, one in enumerate(values)]
    for one in trials:
        run = made_run(
            one.directory,
            run_id=f"run{one.number}",
            overrides=dict(one.levels),
            metrics=dict(zip((LOSS, RATE), one.values or (), strict=False)),
            status="complete" if one.values else "failed",
        )
        write_run(run, root, [(GOOD + "C" * one.number, {})] if one.values else [])
    write_search(root, trials, objectives_of([LOSS, RATE], None))
    study = read_study([root])
    report = make_report(study, tmp_path / "out", ReportOptions(best=1))
    page, text = html_page(report, embedded=True).html, report_text(report)
    assert study.question == "Which settings give the lowest validation loss and the highest sound rate?"
    assert report.best_settings == [
        "No trial of the search has the lowest validation loss and highest sound rate at once; the best "
        "compromises are the trials on the Pareto front: 1 and 0."
    ]
    assert next(plot.title for plot in report.search_plots) == "Pareto front"
    assert (
        "2 of 3 complete trials are on the Pareto front" in page and "those on the Pareto front first" in page
    )
    assert "| validation loss | sound rate | status |" in text
    rows = [line for line in text.splitlines() if line.endswith((" complete |", " front |", " failed |"))]
    assert [row.split(" | ", 1)[1].split(" | ", 3)[3] for row in rows[-4:]] == [
        "1.700 | 0.250 | complete, on the front |",
        "1.900 | 0.500 | complete, on the front |",
        "1.800 | 0.125 | complete |",
        "– | – | failed |",
    ]


def test_a_single_objective_may_be_any_metric(search: Path) -> None:
    trials = [trial(number, number / 8) for number in range(len(LOSSES))]
    write_search(search, trials, objectives_of(RATE, None))
    study = read_study([search])
    assert study.question == "Which settings give the highest sound rate?"
    assert best_settings(study)[0].startswith("The highest sound rate of the search, 1.2, came with ")
