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
from musicgen.sampling.decoding import choose_tokens, number_type
from musicgen.sampling.forcing import ForcedText
from musicgen.sampling.prompts import Prompt
from musicgen.seeds import generator_for

Text = TypeVar("Text", str, Prompt)
STEPS_BETWEEN_CHECKS = 16
"""On a GPU: looking for tunes that have ended waits for it, and an ended tune costs little more."""


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
    steps_between_checks: int | None = None,
) -> list[SampledTune]:
    """Sample the tunes with these numbers, by default the first config.num_tunes.

    Every tune starts from a fresh state that has read a newline and its prompt, and ends at a blank line or
    at config.max_chars. Its random stream depends only on the seed and its index, so the other tunes of the
    batch change it by floating-point rounding at most. on_step receives the number of characters sampled and
    of tunes not known to have finished, which changes no tune but what is looked up every
    `steps_between_checks`, by default 1 on the CPU. Raises InputError if a prompt has a character outside the
    vocabulary.
    """
    draws = draws or range(config.num_tunes)
    if steps_between_checks is None:
        steps_between_checks = 1 if device.type == "cpu" else STEPS_BETWEEN_CHECKS
    settings = spread(config, prompts, draws)
    encoded = {prompt: prompt.encode(vocabulary) for prompt in prompts}
    forced = ForcedText([encoded[prompt] for prompt, _ in settings], vocabulary.newline, device)
    uniforms = torch.from_numpy(
        np.stack([generator_for(seed, "sampling", draw).random(config.max_chars) for draw in draws], axis=1)
    ).to(device, number_type(device))
    temperatures = torch.tensor([t for _, t in settings], dtype=uniforms.dtype, device=device)

    written = torch.zeros(config.max_chars, len(settings), dtype=torch.int64, device=device)
    lengths = torch.full((len(settings),), config.max_chars, dtype=torch.int64, device=device)
    ends = lengths
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
        # A tune that has ended goes on until the next check; what it writes then is cut off.
        ends = torch.where(is_end, ends.clamp(max=step), ends)
        if (step + 1) % steps_between_checks == 0:
            forced.check()
            has_ended = ends < config.max_chars
            if bool(has_ended.any()):
                lengths[active] = ends
                unfinished = (~has_ended).nonzero().squeeze(1)
                if len(unfinished) == 0:
                    break
                active, temperatures, chosen = (
                    active[unfinished],
                    temperatures[unfinished],
                    chosen[unfinished],
                )
                ends = ends[unfinished]
                next_scores.keep(unfinished)
                forced.keep(unfinished)
        previous = chosen
    lengths[active] = ends
    return [
        SampledTune(
            draw,
            prompt.text,
            temperature,
            vocabulary.decode(tokens[:length]).rstrip("\n"),
            ended=length < config.max_chars,
        )
        for draw, (prompt, temperature), tokens, length in zip(
            draws, settings, written.T.tolist(), lengths.tolist(), strict=True
        )
    ]
