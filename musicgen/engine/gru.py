"""The GRU's recurrence on the CPU (Cho et al. 2014, with the reset after the product, as in cuDNN).

x_t is the input's share of the gates, W·input + biases, which the caller computes for all steps at once:

    r, z = σ(x_t + U h_{t−1})                     the first two thirds
    m_t = U_n h_{t−1} + b_n                       the last third
    n = tanh(x_t + r ∘ m_t)
    h_t = n + z ∘ (h_{t−1} − n)

Backward, ∂h_t is the gradient that reaches step t from the output and from step t+1, and everything is a
multiple of it:

    ∂n_t = (1−z)(1−n²) ∂h_t                       before the tanh; also the gradient of the input's share
    ∂a_t = [m_t r(1−r) ∂n_t,  (h_{t−1}−n) z(1−z) ∂h_t,  r ∂n_t]
    ∂h_{t−1} = z ∘ ∂h_t + Uᵀ ∂a_t
    ∂U = Σ_t ∂a_t h_{t−1}ᵀ                        one product over all steps at the end

A step is one product and one pass over the elements (kernels.py).

Shapes: T time steps, B rows of a batch, H hidden size. The three gates follow one another in 3H, as in
torch.nn.GRU, whose parameters these are.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from musicgen.engine.kernels import as_array, gru_step, gru_step_back
from musicgen.engine.products import ScanWeight, StepProduct, transpose
from musicgen.engine.scans import scans_for
from musicgen.engine.tape import input_gradient, record_steps, states_and_factors, weight_gradient, writable

State = tuple[Tensor]
"""hidden [B, H] in 32 bits."""


def input_bias(bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """The part of the two biases that belongs to the input's share: all but b_n, which r multiplies."""
    H = bias_hh.shape[0] // 3
    return torch.cat([bias_ih[: 2 * H] + bias_hh[: 2 * H], bias_ih[2 * H :]])


@dataclass(frozen=True, slots=True)
class GruTape:
    """The recorded steps: gates, news and `read` in the type of the products, states in 32 bits."""

    gates: Tensor
    news: Tensor
    hiddens: Tensor
    read: Tensor
    """The hidden states in the type of the products."""

    @classmethod
    def begin(cls, num_steps: int, state: State, dtype: torch.dtype, is_kept: bool) -> "GruTape":
        """Allocate num_steps steps from a state, with products in this type; is_kept: for a backward pass."""
        (hidden,) = state
        B, H = hidden.shape
        kept = num_steps if is_kept else 1
        hiddens, read = states_and_factors(num_steps, hidden, dtype, is_kept)
        return cls(
            torch.empty(kept, B, 3 * H, dtype=dtype), torch.empty(kept, B, H, dtype=dtype), hiddens, read
        )

    def run(
        self,
        inputs: Tensor,
        rows: Tensor,
        weight_hh: StepProduct | ScanWeight,
        bias_hh: Tensor,
        first: int = 0,
    ) -> None:
        """Read the rows [T, B] of inputs [N, 3H] as steps `first` and later; weight_hh: from `prepare`."""
        bias_n = bias_hh.detach()[2 * self.news.shape[2] :]
        tape = self.gates, self.news, self.hiddens, self.read
        if isinstance(weight_hh, ScanWeight):
            weight_hh.scans.gru_forward(first, weight_hh.blocks, bias_n, inputs, rows, *tape)
            return
        arrays = [as_array(x) for x in (bias_n, inputs, rows, *tape)]
        read = self.read.unbind()
        for t in range(first, first + len(rows)):
            recurrent = weight_hh(read[t % len(read)])
            gru_step(t, recurrent.data_ptr(), *arrays)

    def state(self, after: int) -> State:
        """The state after this many steps."""
        return (self.hiddens[after % len(self.hiddens)].clone(),)


def scan(
    inputs: Tensor, rows: Tensor, weight_hh: Tensor, bias_hh: Tensor, state: State
) -> tuple[Tensor, State]:
    """Read rows [T, B] of inputs [N, 3H], the shares of the gates; return hidden [T, B, H] and the new state.

    weight_hh [3H, H], bias_hh and the state are in 32 bits; products use the type of the inputs.
    """
    hiddens, hidden = _GruScan.apply(inputs, rows, weight_hh, bias_hh, *state)  # pyright: ignore[reportGeneralTypeIssues]
    return hiddens, (hidden,)


class _GruScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, rows: Tensor, weight: Tensor, bias_hh: Tensor, hidden: Tensor
    ) -> tuple[Tensor, ...]:
        return record_steps(ctx, GruTape.begin, inputs, rows, weight, bias_hh, (hidden,))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's type, not ours
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        tape, (weight,) = ctx.tape, ctx.saved_tensors
        T, B, H = tape.news.shape
        from_outputs, from_hidden = gradients
        dtype = tape.news.dtype
        d_gates, d_news = (torch.empty(T, B, width, dtype=dtype) for width in (3 * H, H))
        d_hidden = writable(from_hidden, B, H)
        d_bias = torch.zeros(3 * H)
        outputs = torch.zeros(T, B, H) if from_outputs is None else from_outputs.contiguous()
        back = outputs, tape.gates, tape.news, tape.hiddens, d_hidden, d_gates, d_news, d_bias[2 * H :]
        scans = scans_for(dtype, H)
        if scans is not None:
            scans.gru_backward(weight, *back)
        else:
            product = StepProduct(transpose(weight.to(dtype)), B)
            through_product = torch.zeros(B, H, dtype=dtype)
            arrays, d_a = [as_array(x) for x in back], d_gates.unbind()
            for t in reversed(range(T)):
                gru_step_back(t, through_product.data_ptr(), *arrays)
                through_product = product(d_a[t])
            d_hidden += through_product
        d_weight = weight_gradient(d_gates, tape.read[:-1])
        # The reset does not act on the input's share of n.
        d_gates[..., 2 * H :] = d_news
        d_inputs = input_gradient(d_gates, ctx.rows, ctx.num_inputs)
        return d_inputs, None, d_weight, d_bias, d_hidden
