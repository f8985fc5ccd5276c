"""Runs the registry over a comparison."""

import math
from collections.abc import Container

from musicgen.metrics.comparison import Comparison
from musicgen.metrics.registry import METRICS
from musicgen.metrics.tunes import UnmeasurableError


def measure(
    comparison: Comparison, left_out: Container[str] = ()
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every metric of the registry that tunes alone decide: values by name, and reasons where it is None.

    Metrics that `left_out` names are in neither.
    """
    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric in METRICS.values():
        if metric.compute is None or metric.name in left_out:
            continue
        try:
            value = float(metric.compute(comparison))
        except UnmeasurableError as error:
            metrics[metric.name], reasons[metric.name] = None, str(error)
            continue
        assert math.isfinite(value), f"{metric.name} is {value}"
        metrics[metric.name] = value
    return metrics, reasons
