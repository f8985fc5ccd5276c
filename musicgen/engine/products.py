"""Matrix products of a recurrence: the same weights, time step after time step, times a few rows.

Such a product is bound by how fast the weights come from the cache, not by arithmetic. They are read in an
order that is prepared once for all steps, and in 16 bits they are half as many bytes.
"""

from typing import Literal

import torch
from torch import Tensor

from musicgen.engine.amx.scans import can_scan, forward_blocks

Precision = Literal["fp32", "bf16"]
"""fp32: 32 bits everywhere. bf16: the factors of matrix products are rounded to bfloat16 (8 bits of mantissa)
and summed in 32 bits, and the gates kept for the way back are rounded too; weights, their updates, states and
losses keep 32 bits."""

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

SMALLEST_PREPARED = 1 << 19
"""Weights from which on preparing them pays in 32 bits; fewer stay in a core's own cache either way.

On two Xeon cores, 8 rows: 1024 × 4096 weights take 551 µs as they are and 429 µs prepared, 256 × 1024 take
13 and 27 µs."""


def has_fast_bf16() -> bool:
    """Whether this processor multiplies bfloat16 by instructions of its own, which torch can use."""
    return torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()


def can_prepare(dtype: torch.dtype) -> bool:
    """Whether oneDNN brings weights of this type into its own order here; bfloat16 needs AVX-512."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


_BLOCK = 32


def transpose(matrix: Tensor) -> Tensor:
    """The transposed matrix, laid out anew, up to four times as fast as `matrix.t().contiguous()`."""
    rows, columns = matrix.shape
    if rows % _BLOCK:
        return matrix.t().contiguous()
    blocks = matrix.view(rows // _BLOCK, _BLOCK, columns).transpose(1, 2).contiguous()
    return blocks.transpose(0, 1).reshape(columns, rows)


class StepProduct:
    """rows · weightᵀ for one weight [N, K] and many small `rows` [B, K].

    oneDNN computes it with weights in an order of its own, unless they are small.
    """

    def __init__(self, weight: Tensor, num_rows: int) -> None:
        """Take a weight of the type in which the products are wanted; num_rows is B."""
        self.dtype = weight.dtype
        is_large = weight.dtype == torch.bfloat16 or weight.numel() >= SMALLEST_PREPARED
        self._is_prepared = is_large and can_prepare(weight.dtype)
        if self._is_prepared:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)
        else:
            self._weight = transpose(weight)

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows [B, K] -> rows · weightᵀ [B, N]."""
        if self._is_prepared:
            return _prepared_product(rows, self._weight, None, "none", [], "")
        return rows @ self._weight


def prepare(weight: Tensor, dtype: torch.dtype, num_rows: int) -> Tensor | StepProduct:
    """A recurrent weight [G·H, H] in 32 bits as a tape's steps multiply so many rows by it, in this type.

    A tensor holds the blocks with which scans.py takes all steps at once.
    """
    if can_scan(dtype, weight.shape[1]):
        return forward_blocks(weight)
    return StepProduct(weight.to(dtype), num_rows)


if torch.backends.mkldnn.is_available():
    _prepared_product = torch.ops.mkldnn._linear_pointwise.default
