import itertools

import pytest

from musicgen.effects.grid import Grid, grid_of
from musicgen.effects.pairing import pair_runs
from musicgen.records.runs import FoundRun
from tests.metrics.test_table import cells as cells_of
from tests.records.made_runs import LOSS, RATE, made_run, made_study


def runs(*losses: float | None) -> list[FoundRun]:
    """Two learning rates times two sizes, two seeds each."""
    points = list(itertools.product([0.001, 0.01], [16, 64]))
    return [
        made_run(
            f"grid/{place}/seed={seed}",
            seed=seed,
            overrides={"training.learning_rate": rate, "model.hidden_size": size},
            metrics={} if loss is None else {LOSS: loss + 0.1 * seed, RATE: 0.5},
            status="diverged" if loss is None else "complete",
        )
        for place, ((rate, size), loss) in enumerate(zip(points, losses, strict=True))
        for seed in (0, 1)
    ]


@pytest.fixture
def grid() -> Grid:
    found = grid_of(pair_runs(runs(1.5, 1.25, None, 1.75)))
    assert found is not None
    return found


def test_every_configuration_is_a_cell_and_none_a_baseline(grid: Grid) -> None:
    assert grid.parameters == ("model.hidden_size", "training.learning_rate")
    assert [grid.name(cell) for cell in grid.cells] == [
        "hidden_size=16, learning_rate=0.001",
        "hidden_size=64, learning_rate=0.001",
        "hidden_size=16, learning_rate=0.01",
        "hidden_size=64, learning_rate=0.01",
    ]
    assert all(len(cell.runs) == 2 for cell in grid.cells)


def test_the_best_cell_comes_first_and_failures_last(grid: Grid) -> None:
    table = grid.table([LOSS, RATE])
    headings = [str(column.header) for column in table.columns]
    assert headings == ["hidden_size", "learning_rate", "seeds", "validation loss", "sound rate"]
    assert cells_of(table) == [
        ["64", "0.001", "2", "1.3000 ± 0.071", "0.5000 ± 0"],
        ["16", "0.001", "2", "1.5500 ± 0.071", "0.5000 ± 0"],
        ["64", "0.01", "2", "1.8000 ± 0.071", "0.5000 ± 0"],
        ["16", "0.01", "2", "–", "–"],
    ]


def test_a_metric_that_should_be_high_is_ranked_by_that(grid: Grid) -> None:
    for cell, value in zip(grid.cells, (0.1, 0.3, 0.2, 0.4), strict=True):
        for run in cell.runs:
            run.record.metrics[RATE] = value
    assert [cell.values[0] for cell in grid.ranked(RATE)] == [64, 64, 16, 16]


def test_lines_say_what_varies_and_which_is_best(grid: Grid) -> None:
    varied, best = grid.lines(LOSS)
    assert varied == "varied: hidden_size (16, 64) and learning_rate (0.001, 0.01)"
    assert best.startswith(
        "best of 4: hidden_size=64, learning_rate=0.001, validation loss 1.3000, 2 seeds; "
    )


def test_a_study_and_single_changes_are_no_grid() -> None:
    assert grid_of(pair_runs(made_study({0.005: [1, 1], 0.001: [1, 1]}))) is None
    assert grid_of(pair_runs(runs(1.5, 1.25, None, 1.75)[:4])) is None
