"""Matrix products of a recurrence: at every time step, the same weights times a few rows.

Their limit is how fast weights come from the cache, not arithmetic. So weights are reordered once for all
steps, and in 16 bits they are half as many bytes.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from musicgen.engine.choice import Precision
from musicgen.engine.scans import scans_for

# torch's private names are looked up here, so that a torch without them fails at import: see choice.py.
_has_bf16_instructions = torch.cpu._is_avx512_bf16_supported
_HAS_ONEDNN = torch.backends.mkldnn.is_available()
if _HAS_ONEDNN:
    _reorder_weight = torch.ops.mkldnn._reorder_linear_weight
    _reordered_product = torch.ops.mkldnn._linear_pointwise.default
    _takes_bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

MIN_REORDERED_SIZE = 1 << 19
"""Number of weights from which reordering pays in 32 bits; fewer stay in a core's own cache anyway.

On two Xeon cores with 8 rows, 1024 × 4096 weights take 551 µs as they are and 429 µs reordered, 256 × 1024
take 13 and 27 µs."""


def has_fast_bf16() -> bool:
    """Whether torch can multiply bfloat16 by this processor's own instructions."""
    return _HAS_ONEDNN and _has_bf16_instructions()


def can_reorder(dtype: torch.dtype) -> bool:
    """Whether oneDNN can reorder weights of this type here; bfloat16 needs AVX-512."""
    return _HAS_ONEDNN and (dtype != torch.bfloat16 or _takes_bf16())


_BLOCK = 32


def transpose(matrix: Tensor) -> Tensor:
    """The transposed matrix as a copy, up to four times as fast as `matrix.t().contiguous()`."""
    rows, columns = matrix.shape
    if rows % _BLOCK:
        return matrix.t().contiguous()
    blocks = matrix.view(rows // _BLOCK, _BLOCK, columns).transpose(1, 2).contiguous()
    return blocks.transpose(0, 1).reshape(columns, rows)


class StepProduct:
    """rows · weightᵀ for one weight [N, K] and many small `rows` [B, K].

    oneDNN computes it with reordered weights, unless they are small.
    """

    def __init__(self, weight: Tensor, num_rows: int) -> None:
        """weight: in the type of the products; num_rows: B."""
        self.dtype = weight.dtype
        is_large = weight.dtype == torch.bfloat16 or weight.numel() >= MIN_REORDERED_SIZE
        self._is_reordered = is_large and can_reorder(weight.dtype)
        if self._is_reordered:
            self._weight = _reorder_weight(weight, num_rows)
        else:
            self._weight = transpose(weight)

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows [B, K] -> rows · weightᵀ [B, N]."""
        if self._is_reordered:
            return _reordered_product(rows, self._weight, None, "none", [], "")
        return rows @ self._weight


@dataclass(frozen=True, slots=True)
class ScanWeight:
    """A weight in the layout of amx/, with the module that computes all steps with it."""

    scans: Any
    blocks: Tensor


def prepare(weight: Tensor, dtype: torch.dtype, num_rows: int) -> StepProduct | ScanWeight:
    """Lay out a recurrent weight [G·H, H] in 32 bits for products with num_rows rows in this type."""
    scans = scans_for(dtype, weight.shape[1])
    if scans is not None:
        return ScanWeight(scans, scans.forward_blocks(weight))
    return StepProduct(weight.to(dtype), num_rows)
