"""What a run.json must look like, since it may be damaged or come from somebody else.

Types are checked everywhere, and of the config those parts that whoever reads many runs relies on: a config
of another version of the program may differ in everything else.
"""

import shlex
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, TypeAdapter
from pydantic.dataclasses import dataclass

from musicgen.errors import InputError
from musicgen.system.files import FOLDER_NAME

Whole = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
_MOST = 1e100
Number = Whole | Annotated[StrictFloat, Field(ge=-_MOST, le=_MOST)]
"""No NaN, and the squares of a few of them can be added up: a loss in 32 bits ends at 3e38."""
Seed = Annotated[StrictInt, Field(ge=0, lt=2**63)]
Group = dict[str, Any]
Metrics = dict[str, Number | None]


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1970 <= moment.year < 9000:
        raise ValueError("a moment with its time zone is needed")
    return text


def _command(text: str) -> str:
    shlex.split(text)
    return text


def _level(value: Any) -> Any:
    # Levels are put in order as floats, which a whole number of 400 digits is not.
    if isinstance(value, int | float) and not abs(value) <= _MOST:
        raise ValueError(f"a number of at most {_MOST:g} is needed")
    return value


_EXACT = ConfigDict(extra="forbid")


@dataclass(config=_EXACT)
class _Change:
    parameter: StrictStr
    value: Annotated[Any, AfterValidator(_level)]
    baseline_value: Any
    also_changes: list[StrictStr] | None = None


@dataclass(config=_EXACT)
class _Spread:
    mean: Number
    sd: Number


@dataclass
class _Sampling:
    num_tunes: Annotated[StrictInt, Field(ge=0, le=10**6)] = 0


@dataclass
class _Study:
    # A finding about the run goes into a folder of this name.
    name: Annotated[StrictStr, Field(pattern=FOLDER_NAME)] | None = None
    question: StrictStr | None = None
    primary_metrics: list[StrictStr] = Field(default_factory=list)
    equivalence_margin: dict[str, Annotated[Number, Field(gt=0)]] = Field(default_factory=dict)


@dataclass
class _Config:
    data: Group = Field(default_factory=dict)
    model: Group = Field(default_factory=dict)
    training: Group = Field(default_factory=dict)
    evaluation: Group = Field(default_factory=dict)
    paths: Group = Field(default_factory=dict)
    sampling: _Sampling = Field(default_factory=_Sampling)
    study: _Study | None = None


@dataclass
class _Machine:
    started: Annotated[StrictStr, AfterValidator(_moment)] | None = None


@dataclass(config=_EXACT)
class _Content:
    run_id: StrictStr
    training_id: StrictStr
    status: Literal["complete", "failed", "diverged", "interrupted", "pruned", "running"]
    seed: Seed
    config: _Config
    command: Annotated[StrictStr, AfterValidator(_command)]
    corpus: Group
    schema_version: StrictInt
    weights: StrictStr | None = None
    change: _Change | None = None
    retuned: Group = Field(default_factory=dict)
    metrics: Metrics = Field(default_factory=dict)
    metrics_by: dict[str, dict[str, Metrics]] = Field(default_factory=dict)
    reference: dict[str, _Spread] = Field(default_factory=dict)
    reference_by: dict[str, dict[str, _Spread]] = Field(default_factory=dict)
    floor: Metrics = Field(default_factory=dict)
    reasons: dict[str, StrictStr] = Field(default_factory=dict)
    sampling_noise: dict[str, Number] = Field(default_factory=dict)
    timing: dict[str, Annotated[Number, Field(ge=0, le=1e11)] | None] = Field(default_factory=dict)
    versions: dict[str, StrictStr] = Field(default_factory=dict)
    machine: _Machine = Field(default_factory=_Machine)
    tracker: Group = Field(default_factory=dict)
    error: StrictStr | None = None


_CHECK = TypeAdapter(_Content)


def check(content: dict[str, Any]) -> None:
    """Look at plain values as JSON has them. Raises pydantic's ValidationError, or InputError."""
    _CHECK.validate_python(content)
    for group in ("config", "corpus", "tracker", "retuned"):
        _check_numbers(content.get(group), group)


def _check_numbers(value: Any, place: str) -> None:
    """Raise InputError for a number that JSON has and no table: 1e400 is read as infinity."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_numbers(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            _check_numbers(inner, place)
    elif isinstance(value, int | float) and not abs(value) <= _MOST:
        raise InputError(f"{place}: a number of at most {_MOST:g} is needed")
