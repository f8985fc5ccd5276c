"""The config of a run: its parts, types and checks, and how Hydra composes it."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.corpus.config import DataConfig
from musicgen.corpus.outside import check_source
from musicgen.errors import InputError
from musicgen.metrics.config import EvaluationConfig
from musicgen.model.cells import check_cell
from musicgen.model.config import ModelConfig
from musicgen.rendering.config import RenderingConfig
from musicgen.sampling.config import SamplingConfig
from musicgen.system.conf import conf_folder, corpus_names
from musicgen.system.files import FOLDER_NAME
from musicgen.tracking.config import TrackerConfig
from musicgen.tracking.trackers import check_trackers
from musicgen.training.config import TrainingConfig
from musicgen.training.device import resolve_engine, resolve_threads


class Part(NamedTuple):
    """What the rest of the program does with a part of the config."""

    identity: Literal["training", "run"] | None
    """The first of the two digests that its values enter; a run's digest contains its training's."""
    is_swept: bool
    """Whether a sweep may vary it."""
    is_shown: bool
    """Whether the names of runs mention it."""


PARTS: Mapping[str, Part] = {
    "experiment": Part(None, is_swept=True, is_shown=True),
    "data": Part("training", is_swept=True, is_shown=True),
    "model": Part("training", is_swept=True, is_shown=True),
    "training": Part("training", is_swept=True, is_shown=True),
    "sampling": Part("run", is_swept=True, is_shown=True),
    "evaluation": Part("run", is_swept=True, is_shown=True),
    "seed": Part("training", is_swept=True, is_shown=True),
    "device": Part("training", is_swept=False, is_shown=True),
    "rendering": Part(None, is_swept=False, is_shown=True),
    "tracker": Part(None, is_swept=False, is_shown=True),
    "paths": Part(None, is_swept=False, is_shown=False),
    "study": Part(None, is_swept=False, is_shown=False),
    "change": Part(None, is_swept=False, is_shown=False),
    "retuned": Part(None, is_swept=False, is_shown=False),
    "hydra": Part(None, is_swept=False, is_shown=False),
}
"""Every config group, and every other name at the top of a config."""
IDENTITY_GROUPS = tuple(
    name for name, part in PARTS.items() if part.identity and name not in ("seed", "device")
)
"""Groups whose values make a configuration; seeds repeat it."""
NOT_SWEPT = tuple(name for name, part in PARTS.items() if not part.is_swept)
NOT_SHOWN = tuple(name for name, part in PARTS.items() if not part.is_shown)
SET_BY_THE_SWEEPER = ("change", "retuned")
EXPERIMENTS_ONCE_IN_TRAINING = frozenset({"lab", "quick", "smoke"})

NAMES_ELSEWHERE: Mapping[str, str] = {
    # In the music lab of MIT's course 6.S191.
    "num_training_iterations": "training.num_iterations",
    "seq_length": "training.sequence_length",
    "embedding_dim": "model.embedding_size",
    "rnn_units": "model.hidden_size",
    "start_string": "sampling.prompts",
    "generation_length": "sampling.max_chars",
    # In torch and Keras.
    "lr": "training.learning_rate",
    "epochs": "training.num_iterations",
    "units": "model.hidden_size",
    # Of this program, one letter off.
    "seeds": "seed",
}
"""What other programs call a field. Names that resemble the field's are found without this table."""
_RESEMBLES = 0.7
"""Share of the characters that a misspelt name and the meant one have in common."""

_STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class PathsConfig:
    """Where files are written."""

    outputs: Annotated[str, Field(min_length=1)]
    """Runs and sweeps."""
    store: Annotated[str, Field(min_length=1)] = "outputs/store"
    """Training states, one folder per training identity."""
    cache: Annotated[str, Field(min_length=1)] = "outputs/cache"
    """What can be computed again: corpora as read and reference values, named by their digests."""
    locks: bool = True
    """Whether the file systems of store and cache support locks, which prevent doing work twice."""
    store_gigabytes: Annotated[float, Field(ge=0.0)] | None = None
    """After each run the trainings used longest ago are removed until the store is below this size."""

    @property
    def known_cache(self) -> Path | None:
        """The cache if it exists, for code that must not create it."""
        cache = Path(self.cache)
        return cache if cache.is_dir() else None


Level = bool | int | float | str | list[bool | int | float | str] | None
"""A value of a parameter, or the name of a file of a group."""

# The YAML says null because Hydra lets the command line replace a null, but not an empty mapping.
_EMPTY_IF_NULL = BeforeValidator(lambda value: {} if value is None else value)


@dataclass(frozen=True, config=_STRICT)
class Stages:
    """A second stage, which runs some changes of the first one again and makes the claims."""

    confirm: Annotated[int, Field(ge=1)]
    """How many changes the second stage judges, at most one level of each parameter."""
    seeds: Annotated[int, Field(ge=2)]
    """How many fresh seeds they and the baseline get."""


@dataclass(frozen=True, config=_STRICT)
class StudyConfig:
    """What a sweep varies, against which baseline, and how the effects are judged."""

    name: Annotated[str, Field(pattern=FOLDER_NAME)] | None
    """Also the folder of its findings."""
    question: str | None
    baseline: list[str]
    """Overrides of the baseline; those of the command line follow them."""
    changes: Annotated[dict[str, list[Level]], _EMPTY_IF_NULL]
    """Parameter or config group -> levels, each tried alone."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)] | None
    """None: only the config's seed."""
    primary_metrics: Annotated[list[str], Field(min_length=1)]
    """The metrics that answer the question; all others are exploratory."""
    equivalence_margin: dict[str, Annotated[float, Field(gt=0.0)]]
    """Metric -> largest difference that does not matter; 1 SD of the corpus reference for one not listed."""
    nuisance: Annotated[dict[str, list[Level]], _EMPTY_IF_NULL]
    """Parameter -> values among which every level, including the baseline, is tuned again."""
    combine: bool
    """Also run the winning levels together, to compare the joint effect with the sum of the single ones."""
    dry_run: bool
    """Print the plan and stop."""
    stages: Stages | None = None
    """None: one stage, which makes the claims itself."""


MAX_NUMBER = 1e100
"""Limit for numbers of a run.json. Levels are sorted as floats, and squares of metrics are summed."""


def _check_level(value: Any) -> Any:
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        raise ValueError(f"a number of at most {MAX_NUMBER:g} is needed")
    return value


@dataclass(frozen=True, config=_STRICT)
class Change:
    """How one run of a study differs from its baseline."""

    parameter: str
    value: Annotated[Any, AfterValidator(_check_level)]
    baseline_value: Any
    also_changes: list[str] | None = None
    """Other fields that differ because of it, for example all that an experiment sets."""

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
    device: Literal["auto", "cpu", "cuda", "mps"]
    study: StudyConfig
    change: Change | None = None
    """Added by the sweeper, like `retuned`."""
    retuned: Annotated[dict[str, Level], _EMPTY_IF_NULL] = field(default_factory=dict)
    """Nuisance parameter -> value, where it differs from the baseline's."""

    def as_dict(self) -> dict[str, object]:
        """Nested plain values, as in YAML."""
        return _ADAPTER.dump_python(self)


_ADAPTER = TypeAdapter(Config)


def meant_name(name: str) -> str | None:
    """The group or field that a wrong name, such as "model.num_layer" or "seq_length", most likely means."""
    group, _, last = name.rpartition(".")
    if last in NAMES_ELSEWHERE:
        return NAMES_ELSEWHERE[last]
    places: dict[str, list[str]] = {}
    for place in ("experiment", *_names(Config)):
        places.setdefault(place.rpartition(".")[2], []).append(place)
    found = [
        place for close in get_close_matches(last, places, n=1, cutoff=_RESEMBLES) for place in places[close]
    ]
    return max(found, key=lambda place: place.rpartition(".")[0] == group, default=None)


def _names(part: type, prefix: str = "") -> Iterable[str]:
    """Dotted names of all groups and fields that a user sets."""
    for each in fields(part):
        if each.name not in SET_BY_THE_SWEEPER:
            yield prefix + each.name
            if isinstance(each.type, type) and is_dataclass(each.type):
                yield from _names(each.type, f"{prefix}{each.name}.")


def compose_config(overrides: Sequence[str]) -> Config:
    """The config of `musicgen train OVERRIDES`, for commands that need part of it."""
    with initialize_config_dir(str(conf_folder())):
        return parse_config(compose("config", overrides=list(overrides)))


def parse_config(composed: DictConfig) -> Config:
    """Check every field, and that what it names of other packages can be imported.

    InputError names each wrong field, its value and what is allowed.
    """
    try:
        values = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise InputError(f"{key}: {str(error).splitlines()[0]}") from error
    assert isinstance(values, dict)
    config = config_from_dict({str(key): value for key, value in values.items()})
    check_trackers(config.tracker)
    check_cell(config.model.cell)
    check_source(config.data.source)
    if config.evaluation.metrics:
        # Imported late: numpy takes a moment.
        from musicgen.metrics.outside import outside_metrics

        outside_metrics(config.evaluation.metrics)
    return config


def plain_values(part: object) -> dict[str, Any]:
    """Part of a composed config as plain values, with interpolations left as they are."""
    values = OmegaConf.to_container(part, resolve=False)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def override_texts(overrides: object) -> list[str]:
    """The overrides that Hydra recorded, as typed; iterating over them would resolve every ${...}."""
    texts = OmegaConf.to_container(overrides, resolve=False)
    assert isinstance(texts, list)
    return [str(text) for text in texts]


def warn_of_old_names(overrides: Iterable[str]) -> None:
    """Print how to write training=lab, quick and smoke today, unless an experiment is chosen as well."""
    choices = [text.split("=", maxsplit=1) for text in overrides if re.match("(training|experiment)=", text)]
    if any(group == "experiment" for group, _ in choices):
        return
    found = {name for _, value in choices for name in re.split(r"[\s,]+", value)}
    for name in sorted(found & EXPERIMENTS_ONCE_IN_TRAINING):
        new_name = f"training={name} is now experiment={name}; the old name works for one more release"
        print(f"musicgen: {new_name}", file=sys.stderr)


def resolve(config: Config) -> Config:
    """The config with its number of threads and precision, which follow from the network and the machine."""
    training = resolve_threads(config.training, config.model)
    return replace(config, training=resolve_engine(training, config.model, config.device))


def config_from_dict(values: Mapping[str, object]) -> Config:
    """Check nested plain values, as in run.json; raises InputError like parse_config."""
    try:
        # In strict mode pydantic turns nested values into dataclasses only when they come as JSON.
        return _ADAPTER.validate_json(json.dumps(values))
    except ValidationError as error:
        problems = dict.fromkeys(_describe(dict(problem), values) for problem in error.errors())
        raise InputError("; ".join(problems)) from None


def _describe(problem: dict, values: Mapping[str, object]) -> str:
    """A line such as "training.batch_size=0: input should be greater than or equal to 1"."""
    parts: list[str] = []
    value: object = values
    for part in problem["loc"]:
        # pydantic also puts the branches of a union into the path.
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
    meant = meant_name(place) if problem["type"] == "unexpected_keyword_argument" else None
    if meant is not None:
        return f"{place}: no such field; did you mean {meant}?"
    if isinstance(value, Mapping):
        return f"{place}: {message}"
    return f"{place}={value!r}: {message[0].lower()}{message[1:]}"


def data_config(place: str) -> DataConfig:
    """The config of a corpus in conf/data, or of the user's files."""
    if place in corpus_names() and not Path(place).exists():
        return compose_config([f"data={place}"]).data
    # Set the path without the override grammar, which gives some characters a meaning.
    return replace(compose_config(["data=file", "data.path=."]).data, path=place)
