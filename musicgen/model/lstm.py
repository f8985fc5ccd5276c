"""The LSTM's recurrence on the CPU (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

With x_t the input's share of the gates, W·input + biases, computed for all steps at once by the caller:

    a_t = x_t + U h_{t−1}                         the gates i, f, g, o before their nonlinearities
    i, f, o = σ(a)    g = tanh(a)
    c_t = f ∘ c_{t−1} + i ∘ g
    h_t = o ∘ tanh(c_t)

Backwards, with ∂h_t and ∂c_t the gradients that arrive at step t from the output and from step t+1:

    ∂c_t += ∂h_t ∘ o (1 − tanh²(c_t))
    ∂a_t  = [∂c_t ∘ g i(1−i),  ∂c_t ∘ c_{t−1} f(1−f),  ∂c_t ∘ i (1−g²),  ∂h_t ∘ tanh(c_t) o(1−o)]
    ∂c_{t−1} = ∂c_t ∘ f        ∂h_{t−1} = Uᵀ ∂a_t
    ∂U = Σ_t ∂a_t h_{t−1}ᵀ     one product over all steps at the end

All factors of ∂c and ∂h are known before the way back begins and are computed for all steps at once, so that
a step is one product and a few operations on [B, H].

Shapes: T time steps, B rows of a batch, H hidden size. The four gates stand one after the other in 4H, as in
torch.nn.LSTM, whose parameters these are.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from musicgen.model.products import StepProduct, transpose
from musicgen.model.tape import states_and_factors, weight_gradient

_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input

State = tuple[Tensor, Tensor]
"""hidden and cell, each [B, H] in 32 bits."""


def input_bias(bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """What the input's share holds of the two biases: both."""
    return bias_ih + bias_hh


def scan(inputs: Tensor, weight_hh: Tensor, bias_hh: Tensor, state: State) -> tuple[Tensor, State]:
    """Read inputs [T, B, 4H], the input's share of the gates; return hidden [T, B, H] and the last state.

    weight_hh [4H, H] and the state are in 32 bits; products are computed in the type of the inputs.
    """
    del bias_hh  # The inputs hold it.
    hiddens, hidden, cell = _Scan.apply(inputs, weight_hh, *state)  # pyright: ignore[reportGeneralTypeIssues]
    return hiddens, (hidden, cell)


def step(inputs: Tensor, product: StepProduct, bias_hh: Tensor, state: State) -> State:
    """One step without a way back: inputs [B, 4H] as for `scan`, the product with weight_hh -> new state."""
    del bias_hh  # The inputs hold it.
    hidden, cell = state
    gates = product.plus(inputs, hidden.to(inputs.dtype)).float()
    i, f, g, o = gates.chunk(4, dim=1)
    gates[:, : 2 * cell.shape[1]].sigmoid_()
    o.sigmoid_()
    cell = (f * cell).addcmul_(i, g.tanh_())
    return o * cell.tanh(), cell


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
        T, B, H = inputs.shape[0], inputs.shape[1], hidden.shape[1]
        gates = torch.empty(T, B, 4 * H)
        cells, squashed_cells = torch.empty(T + 1, B, H), torch.empty(T, B, H)
        hiddens, read = states_and_factors(T, hidden, inputs.dtype)
        cells[0] = cell
        factor = weight.to(inputs.dtype)
        product = StepProduct(factor, B)
        # The views of every step, made at once: a view costs as much as a small operation.
        x, a, c, tanh_c = (each.unbind() for each in (inputs, gates, cells, squashed_cells))
        h, h_read = hiddens.unbind(), read.unbind()
        i_and_f = gates[..., : 2 * H].unbind()
        i, f, g, o = (gate.unbind() for gate in gates.chunk(4, dim=2))
        for t in range(T):
            a[t].copy_(product.plus(x[t], h_read[t]))
            i_and_f[t].sigmoid_()
            g[t].tanh_()
            o[t].sigmoid_()
            torch.mul(f[t], c[t], out=c[t + 1]).addcmul_(i[t], g[t])
            torch.tanh(c[t + 1], out=tanh_c[t])
            torch.mul(o[t], tanh_c[t], out=h[t + 1])
            if read is not hiddens:
                h_read[t + 1].copy_(h[t + 1])
        ctx.tape = factor, gates, cells, squashed_cells, read
        ctx.set_materialize_grads(False)
        return hiddens[1:], hiddens[T].clone(), cells[T].clone()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's type, not ours
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor, ...]:
        factor, gates, cells, squashed_cells, read = ctx.tape
        T, B, H = squashed_cells.shape
        from_outputs, from_hidden, from_cell = gradients
        product = StepProduct(transpose(factor), B)
        d_gates = torch.empty(T, B, 4, H, dtype=read.dtype)
        d_hidden, d_cell = torch.zeros(B, H), torch.zeros(B, H)
        if from_hidden is not None:
            d_hidden += from_hidden
        if from_cell is not None:
            d_cell += from_cell
        if from_outputs is None:
            from_outputs = torch.zeros(T, B, H)
        d_ifg, d_o, d_a = d_gates[:, :, :3].unbind(), d_gates[:, :, 3].unbind(), d_gates.flatten(2).unbind()
        factors, into_cell = _factors(gates, cells[:-1], squashed_cells)
        factors = factors.to(read.dtype)
        for_cell, for_hidden, cell_factors, forget, d_out = (
            each.unbind()
            for each in (
                factors[:, :, :3],
                factors[:, :, 3],
                into_cell,
                gates[..., H : 2 * H],
                from_outputs,
            )
        )
        d_cell_wide = d_cell[:, None]
        for t in reversed(range(T)):
            d_hidden += d_out[t]
            d_cell.addcmul_(d_hidden, cell_factors[t])
            torch.mul(for_cell[t], d_cell_wide.to(read.dtype), out=d_ifg[t])
            torch.mul(for_hidden[t], d_hidden.to(read.dtype), out=d_o[t])
            d_cell *= forget[t]
            d_hidden.copy_(product(d_a[t]))
        d_gates = d_gates.flatten(2)
        return d_gates, weight_gradient(d_gates, read[:-1]), d_hidden, d_cell


def _factors(gates: Tensor, cells_before: Tensor, squashed_cells: Tensor) -> tuple[Tensor, Tensor]:
    """Factors [T, B, 4, H] of ∂c_t and, in the last gate, of ∂h_t in ∂a_t; factors of ∂h_t in ∂c_t."""
    i, f, g, o = gates.chunk(4, dim=2)
    factors, into_cell = torch.empty(*i.shape[:2], 4, i.shape[2]), torch.empty_like(squashed_cells)
    _sigmoid_gradient(g, i, grad_input=factors[:, :, 0])
    _sigmoid_gradient(cells_before, f, grad_input=factors[:, :, 1])
    _tanh_gradient(i, g, grad_input=factors[:, :, 2])
    _sigmoid_gradient(squashed_cells, o, grad_input=factors[:, :, 3])
    _tanh_gradient(o, squashed_cells, grad_input=into_cell)
    return factors, into_cell
