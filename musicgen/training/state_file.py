"""Reading the file of a training state, which may be cut off, changed, another program's, or made to do harm.

torch.save writes an archive whose members are stored as they are: a pickle that says which tensors there are,
and their numbers. Of the pickle nothing is run but the making of tensors (torch's `weights_only`), and it may
name nothing else. The file is mapped, so that a size that it only claims takes no memory, and every size is
compared with the file's and with the network's before a number is copied.
"""

import pickletools
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.errors import InputError, first_problem
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork
from musicgen.training.log import TrainingLog

Weights = dict[str, torch.Tensor]

_NAMES = frozenset(
    {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch ByteStorage",
        "torch FloatStorage",
    }
)
"""What the pickle of a state names. torch allows more, such as arrays of any size."""
_CONTAINERS = frozenset({"EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
_MOST_CONTAINERS = 100_000
_MOST_PICKLE_BYTES = 2**26
"""Enough for the losses and times of three million iterations."""


def _model(values: Any) -> ModelConfig:
    return values if isinstance(values, ModelConfig) else ModelConfig(**values)


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class StateContent:
    """What a state file holds."""

    model: Annotated[ModelConfig, BeforeValidator(_model)]
    vocabulary: str
    log: TrainingLog
    weights: Weights
    best_weights: Weights
    """Empty before the first validation."""
    best_iteration: Annotated[int, Field(ge=0)]
    optimizer: dict[str, Any]
    batches: dict[str, Any]
    """State of the generator that draws the batches."""
    dropout: torch.Tensor
    """State of torch's generator, uint8 [bytes]."""
    dropout_cuda: list[torch.Tensor]


def read_content(path: Path) -> StateContent:
    """What the file holds, its tensors in memory.

    Raises InputError where there is no file, or one that is damaged or no training state of this program.
    """
    if not path.is_file():
        raise InputError(f"no trained network at {path}: it was removed; the run's command trains it again")
    try:
        _check_archive(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        content = TypeAdapter(StateContent).validate_python(loaded)
        _check(content, path.stat().st_size)
        return replace(
            content,
            weights=_in_memory(content.weights),
            best_weights=_in_memory(content.best_weights),
            optimizer=_in_memory(content.optimizer),
            dropout=_in_memory(content.dropout),
            dropout_cuda=_in_memory(content.dropout_cuda),
        )
    except MemoryError:
        raise
    except Exception as error:  # nothing tells what zipfile and torch raise for bytes that are no state
        raise InputError(
            f"{path} is damaged or no training state of this program ({_reason(error)}); delete it and train "
            "again"
        ) from error


def _check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to more than the file, is damaged, or names what no state has."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise InputError("it holds compressed data")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise InputError("it claims to hold more than the file has")
        pickles = [member for member in members if member.filename.endswith("/data.pkl")]
        if len({member.filename for member in members}) < len(members) or len(pickles) != 1:
            raise InputError("its parts are not those of a state")
        damaged = archive.testzip()
        if damaged is not None:
            raise InputError(f"the checksum of {damaged} is wrong")
        if pickles[0].file_size > _MOST_PICKLE_BYTES:
            raise InputError(f"its index is larger than {_MOST_PICKLE_BYTES} bytes")
        _check_pickle(archive.read(pickles[0]))


def _check_pickle(content: bytes) -> None:
    """Refuse a pickle that names anything but tensors, or more of them than a state has."""
    containers = 0
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL" and argument not in _NAMES:
            raise InputError(f"it names {argument!r}, which no state does")
        containers += opcode.name in _CONTAINERS
    if containers > _MOST_CONTAINERS:
        raise InputError(f"it has {containers} parts")


def _check(content: StateContent, num_bytes: int) -> None:
    """Refuse sizes that are not the network's, before any memory is taken for them."""
    characters = content.vocabulary
    if "\n" not in characters or len(set(characters)) < len(characters):
        raise InputError("its vocabulary is none")
    with torch.device("meta"):
        network = CharacterNetwork(content.model, Vocabulary(characters).size)
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    for weights in (content.weights, content.best_weights):
        if weights and {name: weight.shape for name, weight in weights.items()} != shapes:
            raise InputError("the shapes of its weights are not those of its network")
    moments = _moments(content.optimizer, list(shapes.values()))
    numbers = [*content.weights.values(), *content.best_weights.values(), *moments]
    if any(number.dtype != torch.float32 for number in numbers):
        raise InputError("its weights are no 32-bit numbers")
    # Tensors may share their numbers: what is small in the file would be large in memory.
    if sum(number.nbytes for number in numbers) > num_bytes:
        raise InputError("its weights are larger than the file")
    log = content.log
    if not log.iteration or len(log.step_seconds) != log.iteration or min(log.step_seconds) <= 0:
        raise InputError("its log is none")
    # Both refuse what is no state of theirs.
    np.random.default_rng().bit_generator.state = content.batches
    torch.Generator().set_state(content.dropout)


def _moments(optimizer: dict[str, Any], shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    """The tensors of AdamW's state, after a look at their shapes."""
    numbers = list(range(len(shapes)))
    (group,) = optimizer["param_groups"]
    if group["params"] != numbers or list(optimizer["state"]) != numbers:
        raise InputError("its optimiser has other parameters than its network")
    found = []
    for number, shape in zip(numbers, shapes, strict=True):
        moments = optimizer["state"][number]
        if {name: moment.shape for name, moment in moments.items()} != {
            "step": torch.Size(()),
            "exp_avg": shape,
            "exp_avg_sq": shape,
        }:
            raise InputError("the shapes of its optimiser are not those of its network")
        found += moments.values()
    return found


def _in_memory(value: Any) -> Any:
    """A copy in which no tensor is part of the mapped file."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {name: _in_memory(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_in_memory(inner) for inner in value]
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_problem(error)
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0]
