from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.reporting.contents import Choices, compose
from musicgen.reporting.material import Material, gather
from musicgen.reporting.page import markdown, page_of
from musicgen.reporting.search import read_trials, search_figure
from tests.reporting.written_study import GOOD, write_run
from tests.study.invented_study import panel_of, points, present
from tests.study.made_runs import LOSS, made_run

LOSSES = [1.9, 1.7, None, 1.8, *[2.0] * 6, 1.6]
"""Eleven trials, so that 10- must come after 9-."""


@pytest.fixture
def search(tmp_path: Path) -> Path:
    root = tmp_path / "09-00-00-000001-hidden"
    for number, loss in enumerate(LOSSES):
        run = made_run(
            f"{number}-x/seed=0",
            run_id=f"run{number}",
            overrides={"training.learning_rate": 10.0**-number, "model.hidden_size": 64 + number},
            metrics={} if loss is None else {LOSS: loss},
            status="diverged" if loss is None else "complete",
        )
        write_run(run, root, [] if loss is None else [(GOOD + "C" * number, {})])
    (root / "optimization_results.yaml").write_text(
        "best_params:\n  training.learning_rate: 1.0e-10\n  model.hidden_size: 74\nbest_value: 1.6\n"
    )
    return root


@pytest.fixture
def material(search: Path) -> Material:
    return gather([search])


def test_trials_are_numbered_as_they_ran_and_ordered_by_loss(material: Material) -> None:
    found = read_trials(material)
    assert found.parameters == ("training.learning_rate", "model.hidden_size")
    assert [trial.number for trial in found.trials] == [11, 2, 4, 1, 5, 6, 7, 8, 9, 10, 3]
    assert found.trials[0].levels == ("1e-10", "74") and found.trials[-1].status == "diverged"


def test_the_figure_has_the_best_so_far_and_a_panel_a_parameter(material: Material) -> None:
    figure = present(search_figure(material))
    stair = panel_of(figure, "Trial after trial").lines[0]
    assert [loss for _, loss in points(stair)] == [1.9, 1.7, *[1.7] * 7, 1.6]
    assert panel_of(figure, "training.learning_rate").get_xscale() == "log"
    assert panel_of(figure, "model.hidden_size").get_xscale() == "linear"


def test_the_report_tells_of_the_search_and_names_runs_by_their_settings(
    material: Material, tmp_path: Path
) -> None:
    contents = compose(material, tmp_path / "out", Choices(best=1))
    assert (
        material.name == "hidden" and material.question == "Which settings give the lowest validation loss?"
    )
    assert contents.changed == "11 trials of a search over training.learning_rate and model.hidden_size."
    assert contents.best_settings == [
        "The lowest validation loss of the search, 1.6, came with training.learning_rate = 1e-10 and "
        "model.hidden_size = 74."
    ]
    assert [row.change for row in contents.runs].count("baseline") == 1
    assert "model.hidden_size = 65, training.learning_rate = 0.1" in {row.change for row in contents.runs}
    page, text = page_of(contents, embedded=True).html, markdown(contents)
    assert 'id="search"' in page and "Every trial, the lowest validation loss first." in page
    assert "| 11 | 1e\\-10 | 74 | 1.600 | complete |" in text


def test_results_that_cannot_be_read_are_named(search: Path) -> None:
    (search / "optimization_results.yaml").write_text("best_params: [")
    with pytest.raises(InputError, match=r"optimization_results\.yaml: cannot be read"):
        gather([search])
