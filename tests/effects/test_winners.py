from pathlib import Path

import pytest

from musicgen.effects.winners import winning_levels
from tests.records.made_runs import LOSS, RATE, made_run, written

LEVELS = {
    None: [1.20, 1.21, 1.22, 1.20],
    ("training.learning_rate", 0.01): [1.10, 1.11, 1.12, 1.11],
    ("training.learning_rate", 0.02): [1.15, 1.16, 1.17, 1.15],
    ("model.cell", "gru"): [1.25, 1.26, 1.27, 1.26],
    ("model.hidden_size", 128): [1.00, 1.40, 1.10, 1.30],
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two learning rates that help, a cell that harms, a size of which nobody knows."""
    for level, losses in LEVELS.items():
        for seed, loss in enumerate(losses):
            change = None if level is None else (*level, "the baseline's")
            run = made_run(
                f"sweep/{level}/seed={seed}",
                seed=seed,
                change=change,
                overrides=None if level is None else {level[0]: level[1]},
                metrics={LOSS: loss, RATE: 1.6 - loss},
            )
            written(run, tmp_path)
    return tmp_path / "sweep"


def test_a_parameter_wins_with_its_best_level_if_the_evidence_holds(sweep: Path) -> None:
    assert winning_levels(sweep, LOSS) == {("training.learning_rate", 0.01)}


def test_higher_is_better_for_a_rate(sweep: Path) -> None:
    assert winning_levels(sweep, RATE) == {("training.learning_rate", 0.01)}
