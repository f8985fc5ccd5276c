"""The LSTM's recurrence on the CPU (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

x_t is the input's share of the gates, W·input + biases, which the caller computes for all steps at once:

    a_t = x_t + U h_{t−1}                         the gates i, f, g, o before their nonlinearities
    i, f, o = σ(a)    g = tanh(a)
    c_t = f ∘ c_{t−1} + i ∘ g
    h_t = o ∘ tanh(c_t)

Backward, ∂h_t and ∂c_t are the gradients that reach step t from the output and from step t+1:

    ∂c_t += ∂h_t ∘ o (1 − tanh²(c_t))
    ∂a_t  = [∂c_t ∘ g i(1−i),  ∂c_t ∘ c_{t−1} f(1−f),  ∂c_t ∘ i (1−g²),  ∂h_t ∘ tanh(c_t) o(1−o)]
    ∂c_{t−1} = ∂c_t ∘ f        ∂h_{t−1} = Uᵀ ∂a_t
    ∂U = Σ_t ∂a_t h_{t−1}ᵀ     one product over all steps at the end

A step is one product and one pass over the elements (kernels.py).

Shapes: T time steps, B rows of a batch, H hidden size. The four gates follow one another in 4H, as in
torch.nn.LSTM, whose parameters these are.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from musicgen.engine.kernels import as_array, lstm_step, lstm_step_back
from musicgen.engine.products import ScanWeight, StepProduct, transpose
from musicgen.engine.scans import scans_for
from musicgen.engine.tape import input_gradient, record_steps, states_and_factors, weight_gradient, writable

State = tuple[Tensor, Tensor]
"""hidden and cell, each [B, H] in 32 bits."""


def input_bias(bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """The part of the two biases that belongs to the input's share: their sum."""
    return bias_ih + bias_hh


@dataclass(frozen=True, slots=True)
class LstmTape:
    """The recorded steps: gates and `read` in the type of the products, states in 32 bits."""

    gates: Tensor
    cells: Tensor
    hiddens: Tensor
    read: Tensor
    """The hidden states in the type of the products."""

    @classmethod
    def begin(cls, num_steps: int, state: State, dtype: torch.dtype, is_kept: bool) -> "LstmTape":
        """Allocate num_steps steps from a state, with products in this type; is_kept: for a backward pass."""
        hidden, cell = state
        B, H = hidden.shape
        kept, kept_states = (num_steps, num_steps + 1) if is_kept else (1, 2)
        cells = torch.empty(kept_states, B, H)
        cells[0] = cell
        hiddens, read = states_and_factors(num_steps, hidden, dtype, is_kept)
        return cls(torch.empty(kept, B, 4 * H, dtype=dtype), cells, hiddens, read)

    def run(
        self,
        inputs: Tensor,
        rows: Tensor,
        weight_hh: StepProduct | ScanWeight,
        bias_hh: Tensor,
        first: int = 0,
    ) -> None:
        """Read the rows [T, B] of inputs [N, 4H] as steps `first` and later; weight_hh: from `prepare`."""
        del bias_hh  # It is part of the inputs.
        tape = self.gates, self.cells, self.hiddens, self.read
        if isinstance(weight_hh, ScanWeight):
            weight_hh.scans.lstm_forward(first, weight_hh.blocks, inputs, rows, *tape)
            return
        arrays = [as_array(x) for x in (inputs, rows, *tape)]
        read = self.read.unbind()
        for t in range(first, first + len(rows)):
            recurrent = weight_hh(read[t % len(read)])
            lstm_step(t, recurrent.data_ptr(), *arrays)

    def state(self, after: int) -> State:
        """The state after this many steps."""
        return self.hiddens[after % len(self.hiddens)].clone(), self.cells[after % len(self.cells)].clone()


def scan(
    inputs: Tensor, rows: Tensor, weight_hh: Tensor, bias_hh: Tensor, state: State
) -> tuple[Tensor, State]:
    """Read rows [T, B] of inputs [N, 4H], the shares of the gates; return hidden [T, B, H] and the new state.

    weight_hh [4H, H] and the state are in 32 bits; products use the type of the inputs.
    """
    hiddens, hidden, cell = _LstmScan.apply(inputs, rows, weight_hh, bias_hh, *state)  # pyright: ignore[reportGeneralTypeIssues]
    return hiddens, (hidden, cell)


class _LstmScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, rows: Tensor, weight: Tensor, bias_hh: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, ...]:
        return record_steps(ctx, LstmTape.begin, inputs, rows, weight, bias_hh, (hidden, cell))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's type, not ours
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        tape, (weight,) = ctx.tape, ctx.saved_tensors
        T, B, H = len(tape.gates), *tape.cells.shape[1:]
        from_outputs, from_hidden, from_cell = gradients
        dtype = tape.gates.dtype
        d_gates = torch.empty(T, B, 4 * H, dtype=dtype)
        d_hidden = writable(from_hidden, B, H)
        d_cell = writable(from_cell, B, H)
        outputs = torch.zeros(T, B, H) if from_outputs is None else from_outputs.contiguous()
        scans = scans_for(dtype, H)
        if scans is not None:
            scans.lstm_backward(weight, outputs, tape.gates, tape.cells, d_hidden, d_cell, d_gates)
        else:
            product = StepProduct(transpose(weight.to(dtype)), B)
            arrays = [as_array(x) for x in (outputs, tape.gates, tape.cells, d_cell, d_gates)]
            d_a, through_product = d_gates.unbind(), d_hidden.to(dtype)
            for t in reversed(range(T)):
                lstm_step_back(t, through_product.data_ptr(), *arrays)
                through_product = product(d_a[t])
            d_hidden = through_product.float()
        d_inputs = input_gradient(d_gates, ctx.rows, ctx.num_inputs)
        d_weight = weight_gradient(d_gates, tape.read[:-1])
        return d_inputs, None, d_weight, None, d_hidden, d_cell
