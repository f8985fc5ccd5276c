from pathlib import Path

from musicgen.effects.figures.draw import write_figures
from musicgen.search.figures import search_figures
from musicgen.search.importance import Importance
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
