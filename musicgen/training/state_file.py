"""Reads the file of a training state, which may be truncated, altered, from another program, or malicious.

torch.save writes an uncompressed zip archive: a pickle that lists the tensors, and their numbers. Loading
runs nothing of the pickle but the construction of tensors (torch's `weights_only`). That alone would still
allow a file of a kilobyte to allocate 100 GB by naming `bytearray`; so the pickle may name nothing but
tensors, which takes milliseconds to check. The file is memory-mapped, so that a size that it merely claims
takes no memory, and every size is compared with those of the file and the network before anything is copied.
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
from musicgen.system.extensions import ExtensionError
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
"""All that the pickle of a state names. torch allows more, such as arrays of any size."""
_CONTAINERS = frozenset({"EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
_MAX_CONTAINERS = 100_000
_MAX_PICKLE_BYTES = 2**26
"""Enough for the losses and times of three million iterations."""


def _model(values: Any) -> ModelConfig:
    return values if isinstance(values, ModelConfig) else ModelConfig(**values)


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class StateContent:
    """The contents of a state file."""

    model: Annotated[ModelConfig, BeforeValidator(_model)]
    vocabulary: str
    log: TrainingLog
    weights: Weights
    best_weights: Weights
    """Empty before the first validation."""
    best_iteration: Annotated[int, Field(ge=0)]
    optimizer: dict[str, Any]
    batches: dict[str, Any]
    """State of numpy's generator, which draws the batches."""
    dropout: torch.Tensor
    """State of torch's generator, uint8 [bytes]."""
    dropout_cuda: list[torch.Tensor]
    """The same of the GPU that trains, CUDA or MPS; empty on the CPU."""


def read_content(path: Path) -> StateContent:
    """The contents of the file, with its tensors in memory.

    Raises InputError if the file is missing, damaged, or not a training state of this program.
    """
    if not path.is_file():
        raise InputError(
            f"no trained network at {path}: it was removed; run the run's command again to train it"
        )
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
    except (MemoryError, ExtensionError):
        # A package that is missing or not trusted is no damage.
        raise
    except Exception as error:  # zipfile and torch may raise anything for arbitrary bytes.
        raise InputError(
            f"{path} is damaged or not a training state of this program ({_reason(error)}); delete it and "
            "train again"
        ) from error


def _check_archive(path: Path) -> None:
    """Refuse an archive that is damaged, would unpack to more than the file, or names something else."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise InputError("it contains compressed data")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise InputError("it claims to contain more than the file")
        pickles = [member for member in members if member.filename.endswith("/data.pkl")]
        if len({member.filename for member in members}) < len(members) or len(pickles) != 1:
            raise InputError("its parts are not those of a state")
        damaged = archive.testzip()
        if damaged is not None:
            raise InputError(f"the checksum of {damaged} is wrong")
        if pickles[0].file_size > _MAX_PICKLE_BYTES:
            raise InputError(f"its index is larger than {_MAX_PICKLE_BYTES} bytes")
        _check_pickle(archive.read(pickles[0]))


def _check_pickle(content: bytes) -> None:
    """Refuse a pickle that names anything but tensors, or has more containers than a state."""
    containers = 0
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL" and argument not in _NAMES:
            raise InputError(f"it names {argument!r}, which no state contains")
        containers += opcode.name in _CONTAINERS
    if containers > _MAX_CONTAINERS:
        raise InputError(f"it has {containers} parts")


def _check(content: StateContent, num_bytes: int) -> None:
    """Refuse sizes that do not fit the network, before allocating memory for them."""
    characters = content.vocabulary
    if "\n" not in characters or len(set(characters)) < len(characters):
        raise InputError("invalid vocabulary")
    with torch.device("meta"):
        network = CharacterNetwork(content.model, Vocabulary(characters).size)
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    for weights in (content.weights, content.best_weights):
        if weights and {name: weight.shape for name, weight in weights.items()} != shapes:
            raise InputError("the shapes of its weights do not fit its network")
    moments = _moments(content.optimizer, list(shapes.values()))
    numbers = [*content.weights.values(), *content.best_weights.values(), *moments]
    if any(number.dtype != torch.float32 for number in numbers):
        raise InputError("its weights are not 32-bit numbers")
    # Tensors may share their numbers, so that a small file would take much memory.
    if sum(number.nbytes for number in numbers) > num_bytes:
        raise InputError("its weights are larger than the file")
    log = content.log
    if not log.iteration or len(log.step_seconds) != log.iteration or min(log.step_seconds) <= 0:
        raise InputError("invalid log")
    # Both raise an error for an invalid state.
    np.random.default_rng().bit_generator.state = content.batches
    torch.Generator().set_state(content.dropout)


def _moments(optimizer: dict[str, Any], shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    """The tensors of AdamW's state, after checking their shapes."""
    numbers = list(range(len(shapes)))
    (group,) = optimizer["param_groups"]
    if group["params"] != numbers or list(optimizer["state"]) != numbers:
        raise InputError("the parameters of its optimiser are not those of its network")
    found = []
    for number, shape in zip(numbers, shapes, strict=True):
        moments = optimizer["state"][number]
        if {name: moment.shape for name, moment in moments.items()} != {
            "step": torch.Size(()),
            "exp_avg": shape,
            "exp_avg_sq": shape,
        }:
            raise InputError("the shapes of its optimiser do not fit its network")
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
