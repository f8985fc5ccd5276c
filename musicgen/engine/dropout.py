"""Dropout with cheap random numbers: 16 bits per element, where torch takes 32 and a division.

With a small hidden size torch's dropout takes as long as the recurrence: 5.8 ms for [128, 32, 320] on a Xeon
core, 2.2 ms here.
"""

import torch
from torch import Tensor

_BITS = 16
_PER_DRAW = 64 // _BITS


def dropout(values: Tensor, probability: float, training: bool) -> Tensor:
    """Set each element to 0 with this probability, and scale the others by 1 / (1 − probability); CPU only.

    The probability is rounded to a multiple of 2⁻¹⁶. Draws from torch's global random stream.
    """
    if not training or probability == 0.0:
        return values
    draws = torch.empty(-(-values.numel() // _PER_DRAW), dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[: values.numel()].view_as(values)
    dropped = round(probability * 2**_BITS)
    kept = (bits >= dropped - 2 ** (_BITS - 1)).to(values.dtype)
    return values * kept.mul_(1 / (1 - dropped / 2**_BITS))
