"""From scores to the next character: temperature, top-k, top-p, one uniform number a row."""

import torch
from torch import Tensor

from musicgen.corpus.vocabulary import UNKNOWN


def choose_tokens(
    scores: Tensor, temperatures: Tensor, uniforms: Tensor, top_k: int | None, top_p: float | None
) -> Tensor:
    """Draw a token for every row by inverting the cumulative distribution.

    scores: [B, V]; temperatures and uniforms (in [0, 1)): [B]. Temperature 0 takes the highest score. Of
    top-k and top-p (nucleus sampling, Holtzman et al. 2020), both after the temperature, what both allow
    stays. The unknown token is never drawn. Returns int64 [B]. A row depends on its own scores alone.
    """
    scores = scores.double()
    scores[:, UNKNOWN] = -torch.inf
    greedy = scores.argmax(dim=1)
    # Temperature 0 is served by `greedy`; 1 stands in for it here to keep the division defined.
    divisors = torch.where(temperatures > 0, temperatures, 1.0)
    probabilities, tokens = (
        (scores / divisors[:, None]).softmax(dim=1).sort(dim=1, descending=True, stable=True)
    )
    kept = probabilities.clone()
    if top_k is not None:
        kept[:, top_k:] = 0.0
    if top_p is not None:
        mass_before = probabilities.cumsum(dim=1) - probabilities
        kept[mass_before >= top_p] = 0.0
    cumulative = kept.cumsum(dim=1)
    positions = torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:], right=True)
    # Rounding may put a uniform close to 1 behind the last token that has a probability.
    last = (kept > 0).sum(dim=1, keepdim=True) - 1
    drawn = tokens.gather(1, torch.minimum(positions, last)).squeeze(1)
    return torch.where(temperatures > 0, drawn, greedy)
