"""From scores to the next character: temperature, top-k, top-p, one uniform number a row."""

import torch
from torch import Tensor

from musicgen.corpus.vocabulary import UNKNOWN


def choose_tokens(
    scores: Tensor, temperatures: Tensor, uniforms: Tensor, top_k: int | None, top_p: float | None
) -> Tensor:
    """Draw a token for every row by inverting the cumulative distribution, tokens in their own order.

    scores: [B, V]; temperatures and uniforms (in [0, 1)): [B]. Temperature 0 takes the highest score. Of
    top-k and top-p (nucleus sampling, Holtzman et al. 2020), both after the temperature, what both allow
    stays. The unknown token is never drawn. Returns int64 [B]. A row depends on its own scores alone, and two
    networks that differ little draw the same from the same uniform numbers, but for a few.
    """
    scores = scores.double()
    scores[:, UNKNOWN] = -torch.inf
    is_greedy = temperatures == 0
    # Temperature 0 is served below; 1 stands in for it here to keep the division defined.
    probabilities = (scores / torch.where(is_greedy, 1.0, temperatures)[:, None]).softmax(dim=1)
    if top_k is not None or top_p is not None:
        probabilities *= _allowed(probabilities, top_k, top_p)
    cumulative = probabilities.cumsum(dim=1)
    total = cumulative[:, -1:].contiguous()
    drawn = torch.searchsorted(cumulative, uniforms[:, None] * total, right=True)
    # Rounding may put a uniform close to 1 behind the last token that has a probability: where the sum stops
    # growing.
    last = torch.searchsorted(cumulative, total)
    chosen = torch.minimum(drawn, last).squeeze(1)
    return torch.where(is_greedy, scores.argmax(dim=1), chosen) if bool(is_greedy.any()) else chosen


def _allowed(probabilities: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Whether a token stays, [B, V]; of two with the same probability, the first one does."""
    ordered, tokens = probabilities.sort(dim=1, descending=True, stable=True)
    kept = torch.ones_like(ordered, dtype=torch.bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        mass_before = ordered.cumsum(dim=1) - ordered
        kept &= mass_before < top_p
    return torch.zeros_like(kept).scatter_(1, tokens, kept)
