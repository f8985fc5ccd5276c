"""Which changes of a study won: the best level of every parameter that has one."""

from collections.abc import Mapping
from pathlib import Path

from musicgen.effects.pairing import COMBINED
from musicgen.effects.statistics import ALPHA
from musicgen.effects.summary import summarise
from musicgen.effects.table import PLAIN
from musicgen.metrics.registry import METRICS, Direction
from musicgen.records.runs import find_runs


def winning_levels(directory: Path, metric: str) -> set[tuple[str, object]]:
    """Parameter and level of every winner among the runs of a sweep, by one metric.

    A winner improves the metric after Holm's correction, and by more than the other levels of its parameter.
    """
    summary = summarise(find_runs([directory]), directory, draws=False)
    reference = next((run.record.reference.get(metric) for run in summary.star.baseline.runs), None)
    best: dict[str, tuple[float, object]] = {}
    for row in summary.effects.to_dict("records"):
        if row["metric"] != metric or row["tuning"] != PLAIN or row["parameter"] == COMBINED:
            continue
        if not row["p_holm"] <= ALPHA:
            continue
        gain = _gain(metric, row["baseline_mean"], row["mean"], reference)
        if gain > max(0.0, best.get(row["parameter"], (0.0, None))[0]):
            best[row["parameter"]] = gain, row["value"]
    return {(parameter, value) for parameter, (_, value) in best.items()}


def _gain(metric: str, before: float, after: float, reference: Mapping[str, float] | None) -> float:
    """By how much the metric became better; negative where it became worse."""
    match METRICS[metric].direction:
        case Direction.HIGHER:
            return after - before
        case Direction.LOWER:
            return before - after
        case Direction.CORPUS:
            if reference is None:
                return 0.0
            return abs(before - reference["mean"]) - abs(after - reference["mean"])
