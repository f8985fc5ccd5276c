"""Samples the next characters from scores: temperature, top-k, top-p, one uniform number per row."""

import torch
from torch import Tensor

from musicgen.corpus.vocabulary import UNKNOWN


def number_type(device: torch.device) -> torch.dtype:
    """The type that tokens are chosen in: 64 bits, or 32 on Apple's MPS, which has no others."""
    return torch.float32 if device.type == "mps" else torch.float64


def choose_tokens(
    scores: Tensor, temperatures: Tensor, uniforms: Tensor, top_k: int | None, top_p: float | None
) -> Tensor:
    """Draw a token for every row by inverting the cumulative distribution; returns int64 [B].

    scores: [B, V]; temperatures and uniforms (in [0, 1)): [B], of the type to compute in. Temperature 0
    takes the highest score. top-k and top-p (nucleus sampling, Holtzman et al. 2020) apply after the
    temperature; a token must pass both. UNKNOWN is never drawn. A row depends only on its own scores, and
    since tokens keep their order, networks that differ slightly mostly draw the same tokens from the same
    uniform numbers.
    """
    scores = scores.to(temperatures.dtype, copy=True)
    scores[:, UNKNOWN] = -torch.inf
    is_greedy = temperatures == 0
    # Temperature 0 is handled at the end; dividing by 1 avoids NaN.
    probabilities = (scores / torch.where(is_greedy, 1.0, temperatures)[:, None]).softmax(dim=1)
    if top_k is not None or top_p is not None:
        probabilities *= _allowed(probabilities, top_k, top_p)
    cumulative = probabilities.cumsum(dim=1)
    total = cumulative[:, -1:].contiguous()
    drawn = torch.searchsorted(cumulative, uniforms[:, None] * total, right=True)
    # Rounding may move a uniform close to 1 past the last token with probability: where the sum stops
    # growing.
    last = torch.searchsorted(cumulative, total)
    chosen = torch.minimum(drawn, last).squeeze(1)
    return torch.where(is_greedy, scores.argmax(dim=1), chosen)


def _allowed(probabilities: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Whether each token is allowed, [B, V]; ties go to the first token."""
    ordered, tokens = probabilities.sort(dim=1, descending=True, stable=True)
    kept = torch.ones_like(ordered, dtype=torch.bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        mass_before = ordered.cumsum(dim=1) - ordered
        kept &= mass_before < top_p
    return torch.zeros_like(kept).scatter_(1, tokens, kept)
