"""The composed config as typed, checked values; the only place below the commands that sees OmegaConf."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.corpus.config import DataConfig
from musicgen.errors import InputError
from musicgen.metrics.config import EvaluationConfig
from musicgen.model.config import ModelConfig
from musicgen.rendering.config import RenderingConfig
from musicgen.sampling.config import SamplingConfig
from musicgen.system.files import FOLDER_NAME
from musicgen.tracking.config import TrackerConfig
from musicgen.training.config import TrainingConfig
from musicgen.training.device import resolve_engine
from musicgen.training.threads import resolve_threads

_STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class PathsConfig:
    """Where files go."""

    outputs: Annotated[str, Field(min_length=1)]
    """Runs and sweeps."""
    store: Annotated[str, Field(min_length=1)] = "outputs/store"
    """Training states, each training under its identity."""
    cache: Annotated[str, Field(min_length=1)] = "outputs/cache"
    """What can be worked out again: corpora as read, references of metrics; each under its digest."""
    locks: bool = True
    """Whether the file systems of store and cache have locks, which keep work from being done twice."""
    store_gigabytes: Annotated[float, Field(ge=0.0)] | None = None
    """After each run, what was used longest ago goes out of the store until it takes no more than this."""

    @property
    def known_cache(self) -> Path | None:
        """The cache if it is there. Who has not begun to write yet does not begin with the cache."""
        cache = Path(self.cache)
        return cache if cache.is_dir() else None


Level = bool | int | float | str | list[bool | int | float | str] | None
"""A value that a study gives to a parameter, or the name of a choice that it makes in a group."""

# null in the YAML, since Hydra lets a command line fill a null but not an empty mapping.
_EMPTY_IF_NULL = BeforeValidator(lambda value: {} if value is None else value)


@dataclass(frozen=True, config=_STRICT)
class StudyConfig:
    """What is changed against what, and how it is judged."""

    name: Annotated[str, Field(pattern=FOLDER_NAME)] | None
    """Its findings are kept in a folder of this name."""
    question: str | None
    baseline: list[str]
    """Overrides that make the baseline; those of the command line come after them."""
    changes: Annotated[dict[str, list[Level]], _EMPTY_IF_NULL]
    """Parameter or config group -> levels, each changed alone."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)] | None
    """null: the config's seed alone."""
    primary_metrics: Annotated[list[str], Field(min_length=1)]
    """The metrics that the question is about; every other one is exploratory."""
    equivalence_margin: dict[str, Annotated[float, Field(gt=0.0)]]
    """Metric -> largest difference that does not matter; others: 1 SD of the corpus reference."""
    nuisance: Annotated[dict[str, list[Level]], _EMPTY_IF_NULL]
    """Parameter -> values among which every level, the baseline's too, is tuned again."""
    combine: bool
    """Run the winning levels together and set the sum of their effects beside the joint one."""
    dry_run: bool
    """Print the plan and stop."""


MAX_NUMBER = 1e100
"""Limit for numbers of a run.json. Levels are sorted as floats, and squares of metrics are summed."""


def _check_level(value: Any) -> Any:
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        raise ValueError(f"a number of at most {MAX_NUMBER:g} is needed")
    return value


@dataclass(frozen=True, config=_STRICT)
class Change:
    """The one difference between a run and its baseline."""

    parameter: str
    value: Annotated[Any, AfterValidator(_check_level)]
    baseline_value: Any
    also_changes: list[str] | None = None
    """Other fields that differ: what a choice in a group sets outside of it, and what follows from it."""

    @property
    def key(self) -> str:
        """Equal for equal levels of the same parameter."""
        return f"{self.parameter}={json.dumps(self.value, sort_keys=True)}"


@dataclass(frozen=True, config=_STRICT)
class Config:
    """Everything that describes a run."""

    data: DataConfig
    model: ModelConfig
    training: TrainingConfig
    sampling: SamplingConfig
    rendering: RenderingConfig
    evaluation: EvaluationConfig
    tracker: TrackerConfig
    paths: PathsConfig
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    device: Literal["auto", "cpu", "cuda"]
    study: StudyConfig
    change: Change | None
    """Set by the sweeper."""
    retuned: Annotated[dict[str, Level], _EMPTY_IF_NULL]
    """Nuisance parameter -> value where it is not the baseline's; set by the sweeper."""

    def as_dict(self) -> dict[str, object]:
        """Nested plain values, as YAML has them."""
        return _ADAPTER.dump_python(self)


_ADAPTER = TypeAdapter(Config)


def conf_folder() -> Path:
    """The config groups: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def compose_config(overrides: Sequence[str]) -> Config:
    """The config of `python -m musicgen.train OVERRIDES`, for commands that need a part of it."""
    with initialize_config_dir(str(conf_folder())):
        return parse_config(compose("config", overrides=list(overrides)))


def parse_config(composed: DictConfig) -> Config:
    """Check every field; raises InputError that names each wrong field, its value and what is allowed."""
    try:
        values = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise InputError(f"{key}: {str(error).splitlines()[0]}") from error
    assert isinstance(values, dict)
    return config_from_dict({str(key): value for key, value in values.items()})


def plain_values(part: object) -> dict[str, Any]:
    """A part of a composed config as plain values, without looking up what they refer to."""
    values = OmegaConf.to_container(part, resolve=False)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def override_texts(overrides: object) -> list[str]:
    """Overrides as they were typed, of Hydra's record of them: iterating would look up every ${...}."""
    texts = OmegaConf.to_container(overrides, resolve=False)
    assert isinstance(texts, list)
    return [str(text) for text in texts]


def resolve(config: Config) -> Config:
    """The config with everything in it that a fixed rule derives from the shape and the machine."""
    training = resolve_threads(config.training, config.model)
    return replace(config, training=resolve_engine(training, config.model, config.device))


def config_from_dict(values: Mapping[str, object]) -> Config:
    """Check nested plain values, as run.json holds them; raises InputError like parse_config."""
    try:
        # As JSON, since pydantic's strict mode lets nested values become dataclasses only from there.
        return _ADAPTER.validate_json(json.dumps(values))
    except ValidationError as error:
        problems = dict.fromkeys(_describe(dict(problem), values) for problem in error.errors())
        raise InputError("; ".join(problems)) from None


def _describe(problem: dict, values: Mapping[str, object]) -> str:
    """A line such as "training.batch_size=0: input should be greater than or equal to 1"."""
    parts: list[str] = []
    value: object = values
    for part in problem["loc"]:
        # pydantic adds the name of a union's branch to the place; only what is in the config is kept.
        if isinstance(value, Mapping):
            if part not in value and problem["type"] not in {"missing", "unexpected_keyword_argument"}:
                continue
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            continue
        parts.append(str(part))
    message = problem["msg"].removeprefix("Value error, ")
    place = ".".join(parts)
    if isinstance(value, Mapping):
        return f"{place}: {message}"
    return f"{place}={value!r}: {message[0].lower()}{message[1:]}"


def corpus_names() -> list[str]:
    """The corpora of conf/data, which come with the program."""
    return sorted({path.stem for path in (conf_folder() / "data").glob("*.yaml")} - {"file"})


def data_config(place: str) -> DataConfig:
    """The config of a corpus that conf/data names, or of the user's files."""
    if not Path(place).exists() and (conf_folder() / "data" / f"{place}.yaml").is_file():
        return compose_config([f"data={place}"]).data
    # A path may hold anything that the grammar of overrides reads otherwise.
    return replace(compose_config(["data=file", "data.path=."]).data, path=place)
