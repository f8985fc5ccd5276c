"""run.json: what a run was, how it ended and what it measured.

A run.json may be damaged or come from somebody else. `RunRecord.read` therefore checks every type, and those
values of the config that readers of many runs use. The rest of the config may come from another version.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    dataclasses,
)
from pydantic_core import core_schema, from_json

from musicgen.config import MAX_NUMBER, Change
from musicgen.errors import InputError, first_problem
from musicgen.system.files import FOLDER_NAME, read_whole, refuse_links_out, write_text_atomically

SCHEMA_VERSION = 1
FILE_NAME = "run.json"
MAX_BYTES = 2**24
"""Limit for the size of a run.json. With the default settings it has 20,000 bytes."""

Status = Literal["complete", "failed", "diverged", "interrupted", "pruned", "running"]
_EXACT = ConfigDict(extra="forbid")


def _read_as(kind: object) -> GetPydanticSchema:
    """Read a value as this type. The program knows it by a simpler one."""
    return GetPydanticSchema(lambda _, schema_of: schema_of(kind))


def _checked_as(kind: object) -> GetPydanticSchema:
    """Check a value as this type, and keep it as it was."""

    def keep(value: object, check: Callable[[object], object]) -> object:
        check(value)
        return value

    return GetPydanticSchema(
        lambda _, schema_of: core_schema.no_info_wrap_validator_function(keep, schema_of(kind))
    )


Group = Annotated[Mapping[str, object], _read_as(dict[str, Any])]
Number = Annotated[
    float,
    _read_as(
        Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
        | Annotated[StrictFloat, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
    ),
]
"""No NaN and no infinity."""
Metrics = dict[str, Number | None]


def _check_command(text: str) -> str:
    shlex.split(text)
    return text


def _check_moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1970 <= moment.year < 9000:
        raise ValueError("a moment with its time zone is needed")
    return text


@dataclasses.dataclass(config=_EXACT)
class _Spread:
    mean: Number
    sd: Number


@dataclasses.dataclass(config=_EXACT)
class _DeclaredMetric:
    better: StrictStr
    meaning: StrictStr
    limits: tuple[Number | None, Number | None]


_Reference = Annotated[Mapping[str, Mapping[str, float]], _checked_as(dict[str, _Spread])]
_Duration = Annotated[StrictInt | StrictFloat, Field(ge=0, le=1e11)]


@dataclasses.dataclass
class _Sampling:
    num_tunes: Annotated[StrictInt, Field(ge=0, le=10**6)] = 0


@dataclasses.dataclass
class _Study:
    name: Annotated[StrictStr, Field(pattern=FOLDER_NAME)] | None = None
    """Findings about the run go into a folder of this name."""
    question: StrictStr | None = None
    primary_metrics: list[StrictStr] = field(default_factory=list)
    equivalence_margin: dict[str, Annotated[Number, Field(gt=0)]] = field(default_factory=dict)


@dataclasses.dataclass
class _Config:
    data: Group = field(default_factory=dict)
    model: Group = field(default_factory=dict)
    training: Group = field(default_factory=dict)
    evaluation: Group = field(default_factory=dict)
    paths: Group = field(default_factory=dict)
    sampling: _Sampling = field(default_factory=_Sampling)
    study: _Study | None = None


@dataclasses.dataclass
class _Machine:
    started: Annotated[StrictStr, AfterValidator(_check_moment)] | None = None


@dataclass
class RunRecord:
    """The content of run.json, in the order of the file."""

    __pydantic_config__: ClassVar = _EXACT

    run_id: StrictStr
    training_id: StrictStr
    status: Status
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)]
    config: Annotated[Mapping[str, object], _checked_as(_Config)]
    command: Annotated[StrictStr, AfterValidator(_check_command)]
    corpus: Group
    started_from: Group = field(default_factory=dict)
    """The training, iteration and validation loss of the weights that the training started from, and how many
    held-out tunes have a near-duplicate among the tunes they were trained on; empty for random weights."""
    weights: StrictStr | None = None
    """The training state that was sampled, relative to the run directory; None before that."""
    change: Change | None = None
    """The change of this run, in a study."""
    retuned: Group = field(default_factory=dict)
    """Nuisance parameter -> value, where a study tunes it again and it is not the baseline's."""
    metrics: Metrics = field(default_factory=dict)
    metrics_by: dict[str, dict[str, Metrics]] = field(default_factory=dict)
    """"temperature" or "prompt" -> its value -> metrics of these tunes alone, where a run samples several."""
    reference: _Reference = field(default_factory=dict)
    """Metric -> mean and sd of held-out corpus tunes."""
    reference_by: dict[str, _Reference] = field(default_factory=dict)
    """The same for as many tunes as one of the groups in metrics_by has."""
    floor: Annotated[Mapping[str, float], _read_as(Metrics)] = field(default_factory=dict)
    """Metric -> value of tunes from a character 5-gram model."""
    floor_by: dict[str, Annotated[Mapping[str, float], _read_as(Metrics)]] = field(default_factory=dict)
    """The same for as many tunes as one of the groups in metrics_by has."""
    reasons: dict[str, StrictStr] = field(default_factory=dict)
    """Metric -> why it is null."""
    outside_metrics: Annotated[
        Mapping[str, Mapping[str, object]], _checked_as(dict[StrictStr, _DeclaredMetric])
    ] = field(default_factory=dict)
    """Metric of another package -> its declaration. Reading the record makes it known to tables."""
    sampling_noise: dict[str, Number] = field(default_factory=dict)
    """Metric -> its standard error from the finite number of tunes that this one network sampled."""
    timing: Annotated[dict[str, float], _read_as(dict[str, _Duration | None])] = field(default_factory=dict)
    versions: Annotated[Mapping[str, str], _read_as(dict[str, StrictStr])] = field(default_factory=dict)
    """Package -> version. "commit" is that of the git checkout in which the command was given, with
    " (modified)" if tracked files differed; runs outside of a checkout and older runs lack it."""
    machine: Annotated[Mapping[str, object], _checked_as(_Machine)] = field(default_factory=dict)
    """cores: how many the run could use. started: UTC, ISO 8601."""
    tracker: Group = field(default_factory=dict)
    """Tracker -> what it said: Comet's archive in the run directory, its address, why it has not got it."""
    num_draws: Annotated[StrictInt, Field(ge=0)] | None = None
    """Tunes drawn and measured, where only some are kept; None if all are."""
    num_kept: Annotated[StrictInt, Field(ge=0)] | None = None
    draws: StrictStr | None = None
    """The same in words, with the condition."""
    time_limit: StrictStr | None = None
    """training.max_minutes and how many iterations fit into it, in words; None without a limit."""
    warnings: list[StrictStr] = field(default_factory=list)
    """What makes the results doubtful, a line each."""
    error: StrictStr | None = None
    schema_version: StrictInt = SCHEMA_VERSION

    @property
    def has_locks(self) -> bool:
        """Whether the run was made where files can be locked. Older records do not say."""
        paths = self.config.get("paths")
        return not isinstance(paths, Mapping) or paths.get("locks") is not False

    @property
    def comet(self) -> Mapping[str, object] | None:
        """What Comet said; None if the run is not tracked by it. Older records knew one tracker alone."""
        found = self.tracker if self.tracker.get("kind") == "comet" else self.tracker.get("comet")
        return found if isinstance(found, Mapping) else None

    def set_comet(self, outcome: Mapping[str, object]) -> None:
        """Replace what Comet said."""
        others = {} if "kind" in self.tracker else self.tracker
        self.tracker = {**others, "comet": dict(outcome)}

    def write(self, run_directory: Path) -> None:
        """Write run.json atomically."""
        # allow_nan=False: JSON has no NaN, and a metric that cannot be computed is None with a reason.
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)
        write_text_atomically(run_directory / FILE_NAME, text + "\n")

    @classmethod
    def read(cls, run_directory: Path) -> "RunRecord":
        """Read run.json; raises InputError if it is missing or is not the record of a run."""
        path = run_directory / FILE_NAME
        try:
            refuse_links_out(run_directory)
            text = read_whole(path, MAX_BYTES)
            content = from_json(text, allow_inf_nan=False)
        except FileNotFoundError as error:
            raise InputError(f"{run_directory} is not a run directory: it has no {FILE_NAME}") from error
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: is not the record of a run")
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{path}: schema_version {str(version)[:20]}, this program reads {SCHEMA_VERSION}"
            )
        try:
            # From the text, since only there a strict dataclass may be written as an object.
            record = _adapter().validate_json(text)
            for group in ("config", "corpus", "started_from", "tracker", "retuned"):
                _check_numbers(getattr(record, group), group)
            _declare(record.outside_metrics)
        except ValidationError as error:
            raise InputError(f"{path}: is not the record of a run: {first_problem(error)}") from error
        except InputError as error:
            raise InputError(f"{path}: is not the record of a run: {error}") from error
        return record


@cache
def _adapter() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)


def _declare(metrics: Mapping[str, Mapping[str, Any]]) -> None:
    if metrics:
        # Imported late: few records have them, and numpy takes a moment.
        from musicgen.metrics.outside import declaration
        from musicgen.metrics.registry import declare

        for name, about in metrics.items():
            declare(declaration(name, **about))


def _check_numbers(value: object, place: str) -> None:
    """Raise InputError for a number that JSON can hold and a table cannot: 1e400 is read as infinity."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_numbers(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            _check_numbers(inner, place)
    elif isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        raise InputError(f"{place}: a number of at most {MAX_NUMBER:g} is needed")
