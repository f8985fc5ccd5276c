"""What the recurrences of all cells have in common.

Shapes: T time steps, B rows of a batch, H hidden size, G gates.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from musicgen.engine.kernels import add_rows, as_array
from musicgen.engine.products import MIN_REORDERED_SIZE, prepare, transpose


def states_and_factors(
    num_steps: int, first: Tensor, dtype: torch.dtype, is_kept: bool
) -> tuple[Tensor, Tensor]:
    """Allocate the states before and after every step, [T + 1, B, H], and their copies for products.

    Both start with `first` [B, H]. For products in 32 bits, both are one tensor; for products in 16 bits
    without a backward pass (is_kept), the second has room for two steps, [2, B, H].
    """
    states = torch.empty(num_steps + 1, *first.shape)
    if dtype == states.dtype:
        read = states
    else:
        read = torch.empty(num_steps + 1 if is_kept else 2, *first.shape, dtype=dtype)
    states[0] = read[0] = first
    return states, read


def record_steps(
    ctx: Any,
    begin: Callable[..., Any],
    inputs: Tensor,
    rows: Tensor,
    weight: Tensor,
    bias_hh: Tensor,
    state: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    """The forward pass of a cell's autograd function: run all steps, and keep their tape in `ctx`.

    begin: of the cell's tape. rows [T, B] of inputs [N, G], weight [G, H]; returns hidden [T, B, H] and the
    parts of the new state.
    """
    T, B = rows.shape
    tape = begin(T, state, inputs.dtype, is_kept=True)
    tape.run(inputs, rows, prepare(weight, inputs.dtype, B), bias_hh)
    ctx.save_for_backward(weight)
    ctx.tape, ctx.rows, ctx.num_inputs = tape, rows, len(inputs)
    ctx.set_materialize_grads(False)
    return tape.hiddens[1:], *tape.state(T)


def writable(gradient: Tensor | None, *shape: int) -> Tensor:
    """A contiguous copy of a gradient of this shape; zeros for None."""
    if gradient is None:
        return torch.zeros(shape)
    return gradient.clone(memory_format=torch.contiguous_format)


def weight_gradient(d_gates: Tensor, read: Tensor) -> Tensor:
    """Σ_t ∂a_t h_{t−1}ᵀ as one product: d_gates [T, B, G], hidden states [T, B, H] -> [G, H] in 32 bits."""
    gates, hiddens = d_gates.flatten(0, 1), read.flatten(0, 1)
    # Large products are faster if both factors are contiguous.
    rows = transpose(gates) if gates.shape[1] * hiddens.shape[1] >= MIN_REORDERED_SIZE else gates.t()
    return (rows @ hiddens).float()


def input_gradient(d_gates: Tensor, rows: Tensor, num_inputs: int) -> Tensor:
    """The gradient of inputs [N, G], of which rows [T, B] were read: d_gates [T, B, G], summed in 32 bits."""
    total = torch.zeros(num_inputs, d_gates.shape[2])
    add_rows(as_array(total), as_array(rows.flatten()), as_array(d_gates.flatten(0, 1)))
    return total.to(d_gates.dtype)
