"""Metrics of other packages: a function from ABC texts to a number, and what readers must know about it.

    @metric("leaps/octaves", better="corpus", meaning="share of tunes with a leap of an octave")
    def octaves(tunes: Sequence[str]) -> float: ...

The function is an entry point of the group `musicgen.metrics`, or a config names it by its path. It gets the
tunes that the metrics of diversity and structure get: those with notes, as many as the reference has.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from musicgen.errors import InputError, one_line
from musicgen.metrics.comparison import Comparison
from musicgen.metrics.registry import FAMILIES, Direction, Limits, Metric, declare
from musicgen.metrics.tunes import UnmeasurableError
from musicgen.system.extensions import Extensions

Function = Callable[[Sequence[str]], float]
Bounds = Sequence[float | None]
"""Lowest and highest possible value; None: no limit."""

_OUTSIDE = Extensions("musicgen.metrics", "metric of another package", path_form="package.module:function")
_NAME = re.compile("[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
_MAX_CHARACTERS = 120
"""Limit for a name and for a meaning, so that a row of a table holds them."""
_LARGEST = 1e100
"""run.json holds no larger numbers."""


@dataclass(frozen=True)
class OutsideMetric:
    """A function with its declaration; calling it calls the function."""

    declared: Metric
    function: Function

    def __call__(self, tunes: Sequence[str]) -> float:
        """The value for these ABC texts."""
        return self.function(tunes)

    def compute(self, comparison: Comparison) -> float:
        """The value for a sample; raises UnmeasurableError with the reason if it has no value."""
        tunes = [tune.text for tune in comparison.sample]
        if not tunes:
            raise UnmeasurableError("no tune has a note")
        try:
            value = self.function(tunes)
        except UnmeasurableError:
            raise
        except Exception as error:  # The code of another package may raise anything.
            raise UnmeasurableError(one_line(f"{type(error).__name__}: {error}")) from error
        if not isinstance(value, Real):
            raise UnmeasurableError(f"the function returned a {type(value).__name__}, not a number")
        lowest, highest = max(self.declared.limits[0], -_LARGEST), min(self.declared.limits[1], _LARGEST)
        if not lowest <= value <= highest:
            raise UnmeasurableError(f"the function returned {value!s:.40}, outside {lowest:g} to {highest:g}")
        return float(value)


def metric(
    name: str, *, better: str, meaning: str, limits: Bounds = (0.0, 1.0)
) -> Callable[[Function], OutsideMetric]:
    """Declare a function as a metric. It must return the same number for the same tunes.

    name: family/name, with a family of your own. better: "higher", "lower", or "corpus" for as close as
    possible to real tunes. meaning: a line for readers. limits: lowest and highest possible value; None: no
    limit. The function may raise UnmeasurableError, with a reason, for tunes without a value. Raises
    InputError for a wrong declaration.
    """
    declared = declaration(name, better, meaning, limits)
    return lambda function: OutsideMetric(declared, function)


def outside_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics behind names and paths, made known to tables. Raises InputError."""
    found: dict[str, Metric] = {}
    for name in names:
        where = f"evaluation.metrics: {name}"
        loaded = _OUTSIDE.load(name, where)
        if not isinstance(loaded, OutsideMetric):
            raise InputError(f"{where}: is not declared with musicgen.metrics.outside.metric")
        declared = loaded.declared
        if declared.name in found:
            raise InputError(f"{where}: another metric of the list is called {declared.name} too")
        declare(declared)
        code = f"{declared.name} {_OUTSIDE.code_of(name, where)}"
        found[declared.name] = replace(declared, compute=loaded.compute, code=code)
    return tuple(found.values())


def declaration(name: str, better: str, meaning: str, limits: Bounds) -> Metric:
    """A metric as tables and verdicts know it, without its function. Raises InputError for a wrong one."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_CHARACTERS:
        raise InputError(f"metric {one_line(name)}: its name must look like leaps/octaves")
    if name.partition("/")[0] in FAMILIES:
        raise InputError(f"metric {name}: {', '.join(FAMILIES)} are built-in families; use one of your own")
    if better not in list(Direction):
        raise InputError(f"metric {name}: better={one_line(better)}: allowed are {', '.join(Direction)}")
    if not meaning.strip() or len(meaning) > _MAX_CHARACTERS or not meaning.isprintable():
        raise InputError(f"metric {name}: its meaning must be a line of at most {_MAX_CHARACTERS} characters")
    lowest, highest = limits
    both = -math.inf if lowest is None else lowest, math.inf if highest is None else highest
    if not both[0] < both[1]:
        raise InputError(f"metric {name}: its limits must be a lower and a higher number")
    return Metric(name, Direction(better), meaning, compute=None, limits=both)


def as_recorded(metrics: Sequence[Metric]) -> dict[str, dict[str, Any]]:
    """Name -> declaration, as in run.json, whose readers may not have the package."""
    return {
        one.name: {"better": str(one.direction), "meaning": one.description, "limits": _bounds(one.limits)}
        for one in metrics
    }


def _bounds(limits: Limits) -> list[float | None]:
    # JSON has no infinity.
    return [limit if math.isfinite(limit) else None for limit in limits]
