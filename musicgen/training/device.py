"""The device that `device` in the config stands for on this machine."""

import torch

from musicgen.errors import InputError


def choose_device(name: str) -> torch.device:
    """auto, cpu or cuda as a torch device; raises InputError where there is no such device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: torch finds no CUDA device here; allowed are auto and cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
