"""The GRU's recurrence on the CPU (Cho et al. 2014, resetting behind the product, as cuDNN does).

With x_t the input's share of the gates, W·input + biases, computed for all steps at once by the caller:

    r, z = σ(x_t + U h_{t−1})                     the first two thirds
    m_t = U_n h_{t−1} + b_n                       the last third
    n = tanh(x_t + r ∘ m_t)
    h_t = n + z ∘ (h_{t−1} − n)

Backwards, with ∂h_t the gradient that arrives at step t from the output and from step t+1, everything is a
multiple of ∂h_t:

    ∂n_t = (1−z)(1−n²) ∂h_t                       before the tanh; the input's share of n gets it as it is
    ∂a_t = [m_t r(1−r) ∂n_t,  (h_{t−1}−n) z(1−z) ∂h_t,  r ∂n_t]
    ∂h_{t−1} = z ∘ ∂h_t + Uᵀ ∂a_t
    ∂U = Σ_t ∂a_t h_{t−1}ᵀ                        one product over all steps at the end

The factors of ∂h are known before the way back begins and are computed for all steps at once, so that a step
is one product and a few operations on [B, H].

Shapes: T time steps, B rows of a batch, H hidden size. The three gates stand one after the other in 3H, as in
torch.nn.GRU, whose parameters these are.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from musicgen.model.products import StepProduct, transpose
from musicgen.model.tape import states_and_factors, weight_gradient

_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input

State = tuple[Tensor]
"""hidden [B, H] in 32 bits."""


def input_bias(bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """What the input's share holds of the two biases: all but the recurrence's of n, which r multiplies."""
    H = bias_hh.shape[0] // 3
    return torch.cat([bias_ih[: 2 * H] + bias_hh[: 2 * H], bias_ih[2 * H :]])


def scan(inputs: Tensor, weight_hh: Tensor, bias_hh: Tensor, state: State) -> tuple[Tensor, State]:
    """Read inputs [T, B, 3H], the input's share of the gates; return hidden [T, B, H] and the last state.

    weight_hh [3H, H], bias_hh and the state are in 32 bits; products are computed in the type of the inputs.
    """
    bias_n = bias_hh[2 * weight_hh.shape[1] :]
    hiddens, hidden = _Scan.apply(inputs, weight_hh, bias_n, *state)  # pyright: ignore[reportGeneralTypeIssues]
    return hiddens, (hidden,)


def step(inputs: Tensor, product: StepProduct, bias_hh: Tensor, state: State) -> State:
    """One step without a way back: inputs [B, 3H] as for `scan`, the product with weight_hh -> new state."""
    (hidden,) = state
    H = hidden.shape[1]
    inputs = inputs.float()
    recurrent = product(hidden.to(product.dtype)).float()
    r, z = (inputs[:, : 2 * H] + recurrent[:, : 2 * H]).sigmoid_().chunk(2, dim=1)
    m = recurrent[:, 2 * H :] + bias_hh[2 * H :]
    n = torch.addcmul(inputs[:, 2 * H :], r, m).tanh_()
    return (torch.lerp(n, hidden, z),)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias_n: Tensor, hidden: Tensor
    ) -> tuple[Tensor, ...]:
        T, B, H = inputs.shape[0], inputs.shape[1], hidden.shape[1]
        gates, news = torch.empty(T, B, 3 * H), torch.empty(T, B, H)
        hiddens, read = states_and_factors(T, hidden, inputs.dtype)
        news.copy_(inputs[..., 2 * H :])
        addends = inputs.clone()
        addends[..., 2 * H :] = bias_n
        factor = weight.to(inputs.dtype)
        product = StepProduct(factor, B)
        # The views of every step, made at once: a view costs as much as a small operation.
        x, a, n, h, h_read = (each.unbind() for each in (addends, gates, news, hiddens, read))
        r_and_z = gates[..., : 2 * H].unbind()
        r, z, m = (gate.unbind() for gate in gates.chunk(3, dim=2))
        for t in range(T):
            a[t].copy_(product.plus(x[t], h_read[t]))
            r_and_z[t].sigmoid_()
            n[t].addcmul_(r[t], m[t]).tanh_()
            torch.lerp(n[t], h[t], z[t], out=h[t + 1])
            if read is not hiddens:
                h_read[t + 1].copy_(h[t + 1])
        ctx.tape = factor, gates, news, hiddens, read
        ctx.set_materialize_grads(False)
        return hiddens[1:], hiddens[T].clone()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's type, not ours
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor, ...]:
        factor, gates, news, hiddens, read = ctx.tape
        T, B, H = news.shape
        from_outputs, from_hidden = gradients
        product = StepProduct(transpose(factor), B)
        d_gates, d_hiddens = torch.empty(T, B, 3, H, dtype=read.dtype), torch.empty(T, B, H)
        d_hidden = torch.zeros(B, H) if from_hidden is None else from_hidden.clone()
        if from_outputs is None:
            from_outputs = torch.zeros(T, B, H)
        factors, into_n = _factors(gates, news, hiddens[:-1])
        factors = factors.to(read.dtype)
        for_hidden, keep, d_out, d_h, d_h_wide = (
            each.unbind()
            for each in (
                factors,
                gates[..., H : 2 * H],
                from_outputs,
                d_hiddens,
                d_hiddens[:, :, None],
            )
        )
        d_rzm, d_a = d_gates.unbind(), d_gates.flatten(2).unbind()
        for t in reversed(range(T)):
            torch.add(d_hidden, d_out[t], out=d_h[t])
            torch.mul(for_hidden[t], d_h_wide[t].to(read.dtype), out=d_rzm[t])
            torch.mul(d_h[t], keep[t], out=d_hidden).add_(product(d_a[t]))
        d_gates = d_gates.flatten(2)
        d_weight = weight_gradient(d_gates, read[:-1])
        d_bias = d_gates[..., 2 * H :].sum((0, 1), dtype=torch.float32)
        # The input's share of n is not behind the reset.
        d_gates[..., 2 * H :] = into_n.mul_(d_hiddens)
        return d_gates, d_weight, d_bias, d_hidden


def _factors(gates: Tensor, news: Tensor, hiddens_before: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of ∂h_t in the three parts of ∂a_t, [T, B, 3, H], and in ∂n_t, [T, B, H]."""
    r, z, m = gates.chunk(3, dim=2)
    factors, into_n = torch.empty(*r.shape[:2], 3, r.shape[2]), torch.empty_like(news)
    _tanh_gradient(1 - z, news, grad_input=into_n)
    _sigmoid_gradient(into_n * m, r, grad_input=factors[:, :, 0])
    _sigmoid_gradient(hiddens_before - news, z, grad_input=factors[:, :, 1])
    torch.mul(into_n, r, out=factors[:, :, 2])
    return factors, into_n
