"""What a search optimises: one metric or several, each with its direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS, Direction

LOSS = "fit/validation_loss"
OBJECTIVE, DIRECTION = "hydra.sweeper.objective", "hydra.sweeper.direction"
OptunaDirection = Literal["minimize", "maximize"]
MINIMIZE: OptunaDirection = "minimize"
MAXIMIZE: OptunaDirection = "maximize"
_BETTER = {Direction.LOWER: MINIMIZE, Direction.HIGHER: MAXIMIZE}


@dataclass(frozen=True)
class Objective:
    """A metric of metrics/registry.py, and which way a search drives it."""

    metric: str
    is_maximized: bool

    @property
    def direction(self) -> OptunaDirection:
        """Optuna's word."""
        return MAXIMIZE if self.is_maximized else MINIMIZE

    @property
    def extreme(self) -> str:
        """What its best value is called."""
        return "highest" if self.is_maximized else "lowest"


def objectives_of(names: object, directions: object) -> tuple[Objective, ...]:
    """Read both settings; raises InputError.

    names: a metric or several; directions: as many, or None to take each metric's own.
    """
    metrics = _texts(OBJECTIVE, names)
    if len(set(metrics)) < len(metrics):
        raise InputError(f"{OBJECTIVE}={_shown(metrics)}: names a metric twice")
    wanted = [None] * len(metrics) if directions is None else _texts(DIRECTION, directions)
    if len(wanted) != len(metrics):
        raise InputError(
            f"{DIRECTION}={_shown(wanted)}: needs one direction for each metric of "
            f"{OBJECTIVE}={_shown(metrics)}"
        )
    return tuple(_objective(metric, one) for metric, one in zip(metrics, wanted, strict=True))


def _objective(metric: str, wanted: str | None) -> Objective:
    if metric not in METRICS:
        raise InputError(f"{OBJECTIVE}: {metric} is not a metric; allowed are {', '.join(METRICS)}")
    if wanted not in (None, MINIMIZE, MAXIMIZE):
        raise InputError(f"{DIRECTION}={wanted}: allowed are {MINIMIZE} and {MAXIMIZE}")
    better = _BETTER.get(METRICS[metric].direction)
    if wanted is None and better is None:
        raise InputError(
            f"{OBJECTIVE}: {metric} is neither better high nor better low; {DIRECTION} must say "
            f"{MINIMIZE} or {MAXIMIZE}"
        )
    if wanted is not None and better is not None and wanted != better:
        raise InputError(f"{DIRECTION}={wanted}: {metric} can only be improved with {better}")
    return Objective(metric, (wanted or better) == MAXIMIZE)


def _texts(setting: str, value: object) -> list[str]:
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    texts = [one for one in values if isinstance(one, str)]
    if not texts or len(texts) < len(values):
        raise InputError(f"{setting}={value!r}: must be a name or a list of names")
    return texts


def _shown(names: Sequence[object]) -> str:
    return f"[{','.join(map(str, names))}]" if len(names) != 1 else str(names[0])
