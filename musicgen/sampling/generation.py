"""Samples all tunes in one batch, with a separate random stream for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.network import CharacterNetwork
from musicgen.model.stepping import Stepper
from musicgen.sampling.config import SamplingConfig
from musicgen.sampling.decoding import choose_tokens
from musicgen.sampling.forcing import ForcedText
from musicgen.sampling.prompts import Prompt
from musicgen.seeds import generator_for

Text = TypeVar("Text", str, Prompt)


@dataclass(frozen=True, slots=True)
class SampledTune:
    """A sampled tune."""

    index: int
    """Number of the draw, from 0."""
    prompt: str
    temperature: float
    text: str
    """Prompt and sampled text, without the blank line at the end."""
    ended: bool
    """Whether it reached its blank line within max_chars."""


def spread(
    config: SamplingConfig, prompts: Sequence[Text], draws: range | None = None
) -> list[tuple[Text, float]]:
    """Prompt and temperature of every draw: all pairs in turn, so that their counts differ by at most one."""
    all_pairs = ((prompt, temperature) for temperature in config.temperatures for prompt in prompts)
    pairs = list(islice(all_pairs, config.num_tunes))
    return [pairs[draw % len(pairs)] for draw in draws or range(config.num_tunes)]


@torch.no_grad()
def sample_tunes(
    network: CharacterNetwork,
    vocabulary: Vocabulary,
    config: SamplingConfig,
    prompts: Sequence[Prompt],
    seed: int,
    device: torch.device,
    on_step: Callable[[int, int], None] = lambda _step, _active: None,
    draws: range | None = None,
) -> list[SampledTune]:
    """Sample the tunes with these numbers, by default the first config.num_tunes.

    Every tune starts from a fresh state that has read a newline and its prompt, and ends at a blank line or
    at config.max_chars. Its random stream depends only on the seed and its index, so the other tunes of the
    batch change it by floating-point rounding at most. on_step receives the number of characters sampled and
    of tunes not yet finished. Raises InputError if a prompt has a character outside the vocabulary.
    """
    draws = draws or range(config.num_tunes)
    settings = spread(config, prompts, draws)
    encoded = {prompt: prompt.encode(vocabulary) for prompt in prompts}
    forced = ForcedText([encoded[prompt] for prompt, _ in settings], vocabulary.newline, device)
    uniforms = torch.from_numpy(
        np.stack([generator_for(seed, "sampling", draw).random(config.max_chars) for draw in draws], axis=1)
    ).to(device)
    temperatures = torch.tensor([t for _, t in settings], dtype=torch.float64, device=device)

    written = torch.zeros(config.max_chars, len(settings), dtype=torch.int64, device=device)
    lengths = torch.full((len(settings),), config.max_chars, dtype=torch.int64, device=device)
    ended = torch.zeros(len(settings), dtype=torch.bool, device=device)
    active = torch.arange(len(settings), device=device)
    previous = torch.full((len(settings),), vocabulary.newline, dtype=torch.int64, device=device)
    next_scores = Stepper(network, vocabulary, len(settings))
    for step in range(config.max_chars):
        chosen = choose_tokens(
            next_scores(previous),
            temperatures,
            uniforms[step].index_select(0, active),
            config.top_k,
            config.top_p,
        )
        is_end = (chosen == vocabulary.newline) & (previous == vocabulary.newline)
        if not forced.is_over:
            chosen, is_forced = forced.apply(chosen)
            is_end &= ~is_forced
        written[step].index_copy_(0, active, chosen)
        on_step(step + 1, len(active))
        if bool(is_end.any()):
            finished = active[is_end]
            lengths[finished] = step
            ended[finished] = True
            unfinished = (~is_end).nonzero().squeeze(1)
            if len(unfinished) == 0:
                break
            active, temperatures, chosen = active[unfinished], temperatures[unfinished], chosen[unfinished]
            next_scores.keep(unfinished)
            forced.keep(unfinished)
        previous = chosen
    return [
        SampledTune(
            draw, prompt.text, temperature, vocabulary.decode(tokens[:length]).rstrip("\n"), has_ended
        )
        for draw, (prompt, temperature), tokens, length, has_ended in zip(
            draws, settings, written.T.tolist(), lengths.tolist(), ended.tolist(), strict=True
        )
    ]
