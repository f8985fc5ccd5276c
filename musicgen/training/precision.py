"""In which precision a run multiplies: a fixed rule of its shape and the processor, never a timing."""

from dataclasses import replace

from musicgen.errors import InputError
from musicgen.model.config import ModelConfig
from musicgen.training.config import TrainingConfig

SMALLEST_FOR_BF16 = 192
"""Hidden size from which bfloat16 is worth its rounding.

A step of an LSTM, batch 32 × 100, one core: 11.5 ms against 8.3 in 32 bits at 64, 16.9 and 20.7 at 128,
22.6 and 35.0 at 192; of a GRU 10.7 and 7.5, 15.0 and 15.5, 19.0 and 28.6."""


def resolve_precision(training: TrainingConfig, model: ModelConfig, device: str) -> TrainingConfig:
    """The settings with a precision in them; raises InputError for bf16 on CUDA.

    device: auto, cpu or cuda. CUDA computes in 32 bits, with torch's own modules.
    """
    if training.precision == "fp32":
        return training
    if training.precision is None and model.hidden_size < SMALLEST_FOR_BF16:
        return replace(training, precision="fp32")
    # torch takes a second to import, which --help should not wait for.
    from musicgen.engine.products import has_fast_bf16
    from musicgen.training.device import choose_device

    on_cpu = choose_device(device).type == "cpu"
    if training.precision is None:
        return replace(training, precision="bf16" if on_cpu and has_fast_bf16() else "fp32")
    if not on_cpu:
        raise InputError("training.precision=bf16: on CUDA allowed are null and fp32")
    return training
