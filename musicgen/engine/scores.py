"""The output layer: from hidden states to a score for every token, in 32 bits.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, H hidden size.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def score(output: nn.Linear, hiddens: Tensor, dtype: torch.dtype) -> Tensor:
    """Scores [T, B, V] of hidden states [T, B, H]; backward, products have factors of this type."""
    if dtype == torch.float32:
        return output(hiddens)
    return _Score.apply(hiddens, output.weight, output.bias, dtype)  # pyright: ignore[reportReturnType]


class _Score(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hiddens: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(hiddens, weight)
        ctx.dtype = dtype
        return functional.linear(hiddens, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's type, not ours
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        hiddens, weight = (each.to(ctx.dtype) for each in ctx.saved_tensors)
        gradient = gradients[0].flatten(0, 1)
        factor = gradient.to(ctx.dtype)
        d_hiddens = (factor @ weight).float().view(hiddens.shape)
        return d_hiddens, (factor.t() @ hiddens.flatten(0, 1)).float(), gradient.sum(0), None
