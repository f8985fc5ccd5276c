"""Runs the registry over a comparison."""

import math

from musicgen.metrics.comparison import Comparison
from musicgen.metrics.melody import UnmeasurableError
from musicgen.metrics.registry import METRICS


def measure(comparison: Comparison) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every metric of the registry that tunes alone decide: values by name, and reasons where it is None."""
    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric in METRICS.values():
        if metric.compute is None:
            continue
        try:
            value = float(metric.compute(comparison))
        except UnmeasurableError as error:
            metrics[metric.name], reasons[metric.name] = None, str(error)
            continue
        assert math.isfinite(value), f"{metric.name} is {value}"
        metrics[metric.name] = value
    return metrics, reasons
