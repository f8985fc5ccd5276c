"""A search that nobody ran: its trials as they lie on the disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from musicgen.search.objective import Objective, objectives_of
from musicgen.search.trials import Trial, Trials, Value, write_trials

SPACE = {
    "training.learning_rate": {
        "name": "FloatDistribution",
        "attributes": {"low": 1e-10, "high": 1.0, "log": True, "step": None},
    },
    "model.hidden_size": {
        "name": "IntDistribution",
        "attributes": {"low": 64, "high": 80, "log": False, "step": 1},
    },
    "model.cell": {"name": "CategoricalDistribution", "attributes": {"choices": ["lstm", "gru"]}},
}


def trial(
    number: int,
    values: float | Sequence[float] | None,
    status: str = "complete",
    levels: Mapping[str, Value] | None = None,
    rungs: Mapping[int, float] | None = None,
) -> Trial:
    """One trial; its values follow from its number unless they are given."""
    default: dict[str, Value] = {
        "training.learning_rate": 10.0**-number,
        "model.hidden_size": 64 + number,
        "model.cell": ("lstm", "gru")[number % 2],
    }
    found = (values,) if isinstance(values, int | float) else None if values is None else tuple(values)
    return Trial(number, status, found, levels or default, rungs or {}, 60, 1.5, f"{number:03d}/seed=0", None)


LOSS_ALONE = objectives_of("fit/validation_loss", None)


def write_search(
    folder: Path, trials: Sequence[Trial], objectives: Sequence[Objective] = LOSS_ALONE
) -> Trials:
    """Write the files of a search; returns what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Trials("hidden", objectives, SPACE, trials)
    write_trials(found, {"rungs": []}, folder)
    return found
