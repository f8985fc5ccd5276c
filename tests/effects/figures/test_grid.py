"""What is in the figure of a grid: every cell, the best, the baseline."""

from collections.abc import Callable, Mapping
from itertools import product

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from musicgen.effects.figures.grid import find_grid, grid_figure
from musicgen.effects.figures.study import DrawnStudy
from musicgen.effects.pairing import pair_runs
from musicgen.records.runs import FoundRun
from tests.effects.invented_study import drawn, panel_of, present, smallest_text
from tests.records.made_runs import LOSS, RATE, made_run

RATES, CELLS = (0.002, 0.005, 0.01), ("lstm", "gru")
Value = Callable[[float, str, int], Mapping[str, float]]


def losses(rate: float, cell: str, seed: int) -> Mapping[str, float]:
    return {LOSS: 1.0 + abs(rate - 0.005) * 10 + 0.2 * (cell == "gru") + 0.01 * seed, RATE: 0.5}


def grid(
    value: Value = losses, overrides: Mapping[str, object] | None = None, gru_size: int = 64
) -> list[FoundRun]:
    return [
        made_run(
            f"learning_rate={rate},cell={cell}/seed={seed}",
            seed=seed,
            overrides={
                "training.learning_rate": rate,
                "model.cell": cell,
                "model.hidden_size": gru_size if cell == "gru" else 64,
                **(overrides or {}),
            },
            metrics=value(rate, cell, seed),
        )
        for rate, cell, seed in product(RATES, CELLS, range(2))
    ]


def study_of(runs: list[FoundRun]) -> DrawnStudy:
    return DrawnStudy(pair_runs(runs), [], {})


def panel(runs: list[FoundRun], title: str = "Validation loss") -> Axes:
    return panel_of(present(grid_figure(study_of(runs))), title)


def cells(panel: Axes) -> dict[tuple[float, float], str]:
    """(column, row) -> its text."""
    return {text.get_position(): text.get_text() for text in panel.texts if "\n" in text.get_text()}


def test_every_cell_has_its_mean_and_its_seeds() -> None:
    found = cells(panel(grid()))
    assert len(found) == 6
    assert found[0, 0].startswith("1.035\n1.030 to 1.040")
    assert found[2, 1].startswith("1.255\n1.250 to 1.260")
    ticks = panel(grid())
    assert [label.get_text() for label in ticks.get_xticklabels()] == ["0.002", "0.005", "0.01"]
    assert [label.get_text() for label in ticks.get_yticklabels()] == ["lstm", "gru"]
    assert (ticks.get_xlabel(), ticks.get_ylabel()) == ("training.learning_rate", "model.cell")


def test_one_cell_is_the_baseline_and_one_the_best() -> None:
    found = cells(panel(grid()))
    assert [place for place, text in found.items() if text.endswith("(baseline)")] == [(0, 0)]
    assert [place for place, text in found.items() if text.startswith("★")] == [(1, 0)]
    frames = [one for one in panel(grid()).patches if one.get_label() == "best"]
    assert [frame.get_xy() for frame in frames if isinstance(frame, Rectangle)] == [
        (pytest.approx(0.55), pytest.approx(-0.43))
    ]


def test_the_best_is_in_the_better_direction_of_each_metric() -> None:
    def both(rate: float, cell: str, seed: int) -> Mapping[str, float]:
        return {LOSS: 1 - 10 * rate, RATE: 1 - 10 * rate}

    stars = [
        [place for place, text in cells(panel(grid(both), title)).items() if text.startswith("★")]
        for title in ("Validation loss", "Sound rate")
    ]
    assert stars == [[(2, 0), (2, 1)], [(0, 0), (0, 1)]]


def test_a_cell_with_a_failed_run_is_not_the_best() -> None:
    runs = grid()
    (failed,) = (run for run in runs if str(run.directory) == "learning_rate=0.005,cell=lstm/seed=1")
    failed.record.status = "diverged"
    found = cells(panel(runs))
    assert found[1, 0] == "1.000\ndiverged 1 of 2"
    assert [place for place, text in found.items() if text.startswith("★")] == [(0, 0)]


def test_a_target_without_reference_has_no_best() -> None:
    metric = "similarity/musical_auc"
    runs = grid(lambda rate, cell, seed: {metric: 0.5 + rate})
    for run in runs:
        run.record.config = {**run.record.config, "study": {"primary_metrics": [metric]}}
    assert not any(text.startswith("★") for text in cells(panel(runs, "Musical AUC")).values())
    for run in runs:
        run.record.reference = {metric: {"mean": 0.506, "sd": 0.1}}
    starred = [text for text in cells(panel(runs, "Musical AUC")).values() if text.startswith("★")]
    assert {text.split()[1] for text in starred} == {"0.505"}


def test_darker_is_better() -> None:
    shades = {
        patch.get_xy(): sum(to_rgb(patch.get_facecolor()))
        for patch in panel(grid()).patches
        if isinstance(patch, Rectangle) and patch.get_label() != "best"
    }
    assert shades[0.5, -0.5] < shades[-0.5, -0.5] < shades[1.5, -0.5] < shades[0.5, 0.5] <= shades[1.5, 0.5]


def test_a_metric_that_is_the_same_everywhere_has_no_panel() -> None:
    titles = [axes.get_title(loc="left") for axes in present(grid_figure(study_of(grid()))).axes]
    assert titles == ["Validation loss"]


def test_cells_that_failed_or_never_ran_say_so() -> None:
    runs = [
        run
        for run in grid()
        if (run.setting("training.learning_rate"), run.setting("model.cell")) != (0.01, "gru")
    ]
    for run in runs:
        if run.setting("training.learning_rate") == 0.01:
            run.record.status = "diverged"
    words = [text.get_text() for text in panel(runs).texts]
    assert "not run" in words and "diverged 2 of 2" in words


def test_parameters_that_change_together_are_one() -> None:
    found = find_grid(study_of(grid(gru_size=80)))
    assert found is not None
    assert (found.rows.name, found.columns.name) == ("model.cell", "training.learning_rate")


def test_split_seeds_that_follow_the_seed_are_no_parameter() -> None:
    assert find_grid(study_of(grid())) is not None


def test_a_cross_and_three_parameters_are_no_grid() -> None:
    cross = [
        run
        for run in grid()
        if run.setting("training.learning_rate") == 0.005 or run.setting("model.cell") == "lstm"
    ]
    assert grid_figure(study_of(cross)) is None
    third = [*grid(), *grid(overrides={"sampling.temperature": 1.0})]
    assert grid_figure(study_of(third)) is None


def test_text_is_readable_and_cells_hold_theirs() -> None:
    figure = drawn(present(grid_figure(study_of(grid()))))
    assert smallest_text(figure) >= 8
    (axes,) = figure.axes
    for text in axes.texts:
        if "\n" in text.get_text():
            corners = axes.transData.inverted().transform(text.get_window_extent())
            x, y = text.get_position()
            assert abs(corners - (x, y)).max(axis=0) == pytest.approx([0.25, 0.25], abs=0.24)
