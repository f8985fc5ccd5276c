"""What a run computes on and with, by fixed rules and never a timing: device, threads, engine, precision."""

from dataclasses import replace
from typing import TYPE_CHECKING

from musicgen.engine.choice import usable_engine
from musicgen.errors import InputError
from musicgen.model.cells import CELLS, find_cell
from musicgen.model.config import ModelConfig
from musicgen.system.cores import num_cores
from musicgen.system.words import listed
from musicgen.training.config import TrainingConfig

if TYPE_CHECKING:
    import torch

MAX_HIDDEN_SIZE_FOR_ONE_THREAD = 256
"""Up to this size, two runs side by side are worth more than one that finishes sooner.

On two cores, two runs of one thread did 1.4 times the work of one run of two threads at LSTM 256 and 320, 1.9
times at GRU 256, 1.1 times at LSTM 512 and 0.9 times at LSTM 1024 (docs/log.md). The default network has 384:
a single run of it should not take half as long again.
"""
MIN_HIDDEN_SIZE_FOR_BF16 = 192
"""Below it, bfloat16 gains too little for its rounding.

Milliseconds per LSTM step in bf16 and fp32 (batch 32 × 100, one core): 11.5 and 8.3 at 64, 16.9 and 20.7 at
128, 22.6 and 35.0 at 192. GRU: 10.7 and 7.5, 15.0 and 15.5, 19.0 and 28.6."""


def choose_device(name: str) -> "torch.device":
    """auto, cpu, cuda or mps as a torch device; raises InputError for a missing device.

    auto: CUDA, else Apple's MPS, else the CPU.
    """
    # torch takes a second to import, which --help should not wait for.
    import torch

    is_present = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    present = [kind for kind in is_present if is_present[kind]()]
    if name == "auto":
        name = [*present, "cpu"][0]
    if name not in (*present, "cpu"):
        allowed = listed(["auto", *present, "cpu"])
        raise InputError(f"device={name}: torch finds no {name.upper()} device here; allowed are {allowed}")
    return torch.device(name)


def resolve_threads(training: TrainingConfig, model: ModelConfig) -> TrainingConfig:
    """The settings with the number of threads filled in."""
    if training.num_threads is not None:
        return training
    is_small = model.hidden_size <= MAX_HIDDEN_SIZE_FOR_ONE_THREAD
    return replace(training, num_threads=1 if is_small else num_cores())


def resolve_engine(training: TrainingConfig, model: ModelConfig, device: str) -> TrainingConfig:
    """The settings with the engine and the precision that compute on this machine.

    device: auto, cpu, cuda or mps. On a GPU torch's modules compute in 32 bits whatever the engine, so the
    setting stays native there. Raises InputError for a cell or a precision that the engine does not have.
    """
    kind = choose_device(device).type
    if kind != "cpu":
        if training.precision == "bf16":
            # Under autocast, whatever its type, torch hands cuDNN's recurrent layers 16-bit floats (fp16).
            raise InputError(f"training.precision=bf16: on {kind.upper()} allowed are null and fp32")
        return replace(training, engine="native", precision="fp32")
    if training.engine == "native" and not find_cell(model.cell).is_native:
        native = listed([name for name, cell in CELLS.items() if cell.is_native])
        raise InputError(
            f"model.cell={model.cell}: the native engine has {native}; set training.engine=torch"
        )
    if training.engine == "torch" and training.precision == "bf16":
        raise InputError("training.precision=bf16: with training.engine=torch allowed are null and fp32")
    if usable_engine(training.engine) == "torch":
        return replace(training, engine="torch", precision="fp32")
    if training.precision is not None:
        return training
    from musicgen.engine.products import has_fast_bf16

    is_worth_it = model.hidden_size >= MIN_HIDDEN_SIZE_FOR_BF16 and has_fast_bf16()
    return replace(training, precision="bf16" if is_worth_it else "fp32")
