"""Batches of windows where the network is."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from musicgen.corpus.windows import RandomWindows


def batches(windows: RandomWindows, device: torch.device) -> Callable[[], Tensor]:
    """A function that draws a batch, int64 [sequence_length + 1, batch_size, N] on the device."""
    if device.type != "cpu" and isinstance(windows.rows, np.ndarray):
        return DeviceBatches(windows, device)
    return lambda: torch.from_numpy(windows.draw()).to(device)


class DeviceBatches:
    """Keeps the whole text on the device, so that a step sends only where its windows begin."""

    def __init__(self, windows: RandomWindows, device: torch.device) -> None:
        """windows: of rows that are an array."""
        assert isinstance(windows.rows, np.ndarray)
        self._windows, self._device = windows, device
        self._rows = torch.from_numpy(windows.rows).to(device)
        self._offsets = torch.from_numpy(windows.offsets).to(device)

    def __call__(self) -> Tensor:
        """The batch that `windows.draw` would return."""
        starts = torch.from_numpy(self._windows.draw_starts()).to(self._device)
        return self._rows[(starts + self._offsets) % len(self._rows)].long()
