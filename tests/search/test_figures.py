from pathlib import Path

from matplotlib.colors import to_rgb

from musicgen.effects.figures.draw import write_figures
from musicgen.search.figures import search_figures
from musicgen.search.importance import Importance
from musicgen.search.objective import objectives_of
from tests.effects.invented_study import panel_of, points
from tests.search.written_search import trial, write_search

TRIALS = [
    trial(0, 1.9, rungs={34: 3.0}),
    trial(1, None, "pruned", rungs={34: 3.5}),
    trial(2, None, "diverged"),
    trial(3, 1.6, rungs={34: 2.8}),
    trial(4, 1.8, rungs={34: 2.9}),
]


def test_the_history_is_the_lowest_so_far(tmp_path: Path) -> None:
    figure = search_figures(write_search(tmp_path, TRIALS))["history"]
    stair, dots, pruned, diverged = panel_of(figure, "Validation loss of complete runs").lines
    assert [loss for _, loss in points(stair)] == [1.9, 1.6, 1.6, 1.6]
    assert points(dots) == [(0, 1.9), (3, 1.6), (4, 1.8)]
    assert [place for place, _ in points(pruned)] == [1] and [place for place, _ in points(diverged)] == [2]


def test_slices_compare_all_trials_on_the_first_rung(tmp_path: Path) -> None:
    figure = search_figures(write_search(tmp_path, TRIALS))["slices"]
    assert figure.get_suptitle() == "Validation loss after 34 iterations over each parameter"
    panel = panel_of(figure, "training.learning_rate")
    assert panel.get_xscale() == "log"
    drawn = {point for line in panel.lines for point in points(line)}
    assert drawn == {(1.0, 3.0), (0.1, 3.5), (1e-3, 2.8), (1e-4, 2.9)}
    assert [text.get_text() for text in panel_of(figure, "model.cell").get_xticklabels()] == ["gru", "lstm"]


def test_each_trial_is_a_line_through_its_values(tmp_path: Path) -> None:
    figure = search_figures(write_search(tmp_path, TRIALS))["parallel_coordinates"]
    panel = panel_of(figure, "Values of every trial")
    lines = [line for line in panel.lines if len(line.get_xdata()) == 3]  # type: ignore[arg-type]
    assert len(lines) == 5
    assert [round(height, 3) for _, height in points(lines[-1])] == [0.25, 0.75, 0.0]


def test_importance_is_drawn_if_it_is_known(tmp_path: Path) -> None:
    trials = write_search(tmp_path, TRIALS)
    silent = Importance("validation loss", 30, 0.3, {}, 0.0)
    assert "importance" not in search_figures(trials, [silent])
    told = Importance("validation loss", 30, 0.8, {"model.cell": 0.6, "model.hidden_size": 0.1}, 0.2)
    figure = search_figures(trials, [told])["importance"]
    panel = panel_of(figure, "Of the validation loss")
    assert [bar.get_width() for bar in panel.patches] == [0.1, 0.6]  # type: ignore[attr-defined]
    assert panel.lines[0].get_xdata()[0] == 0.2  # type: ignore[index]


def test_figures_are_the_same_files_for_the_same_trials(tmp_path: Path) -> None:
    trials = write_search(tmp_path, TRIALS)
    for name in ("a", "b"):
        write_figures(search_figures(trials), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_single_trial_has_no_figures(tmp_path: Path) -> None:
    assert search_figures(write_search(tmp_path, TRIALS[:1])) == {}


BOTH = objectives_of(["fit/validation_loss", "validity/sound_rate"], None)
TWO_OBJECTIVES = [
    trial(0, (1.9, 0.5)),
    trial(1, (1.5, 0.1)),
    trial(2, (1.7, 0.3)),
    trial(3, (1.8, 0.2)),
    trial(4, None, "failed"),
]


def test_the_front_is_joined_and_the_baseline_marked(tmp_path: Path) -> None:
    found = write_search(tmp_path, TWO_OBJECTIVES, BOTH)
    baseline = {"fit/validation_loss": 1.75, "validity/sound_rate": 0.35}
    panel = panel_of(
        search_figures(found, baseline=baseline)["pareto_front"], "Sound rate against validation loss"
    )
    behind, front, start = panel.lines
    assert points(behind) == [(1.8, 0.2)]
    assert points(front) == [(1.5, 0.1), (1.7, 0.3), (1.9, 0.5)] and front.get_linestyle() == "-"
    assert points(start) == [(1.75, 0.35)]
    assert [text.get_text() for text in panel.texts if text.get_text().isdigit()] == ["1", "2", "0"]
    assert (
        len(panel_of(search_figures(found)["pareto_front"], "Sound rate against validation loss").lines) == 2
    )


def test_each_objective_has_its_panels(tmp_path: Path) -> None:
    figures = search_figures(write_search(tmp_path, TWO_OBJECTIVES, BOTH))
    history = panel_of(figures["history"], "Sound rate of complete runs")
    assert [rate for _, rate in points(history.lines[0])] == [0.5, 0.5, 0.5, 0.5, 0.5]
    assert figures["slices"].get_suptitle() == "Validation loss and sound rate over each parameter"
    labels = [panel.get_ylabel() for panel in figures["slices"].axes]
    assert labels == ["validation loss, nats per character"] * 3 + ["sound rate, share"] * 3


def test_the_best_of_a_maximised_metric_are_dark_and_on_top(tmp_path: Path) -> None:
    trials = [trial(0, 0.9), trial(1, 0.1)]
    found = write_search(tmp_path, trials, objectives_of("validity/sound_rate", None))
    figures = search_figures(found)
    (panel, bar) = figures["parallel_coordinates"].axes
    lines = [line for line in panel.lines if len(line.get_xdata()) == 3]  # type: ignore[arg-type]
    assert points(lines[-1])[0] == (0, 1.0)
    assert sum(to_rgb(lines[-1].get_color())) < sum(to_rgb(lines[0].get_color()))
    assert bar.get_ylabel() == "sound rate, share"
    stair = panel_of(figures["history"], "Sound rate of complete runs").lines[0]
    assert [rate for _, rate in points(stair)] == [0.9, 0.9, 0.9]
