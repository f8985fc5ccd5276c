"""Samples all tunes in one batch, with a separate random stream for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.network import CharacterNetwork
from musicgen.model.stepping import Stepper
from musicgen.sampling.config import SamplingConfig
from musicgen.sampling.decoding import choose_tokens
from musicgen.seeds import generator_for


@dataclass(frozen=True, slots=True)
class SampledTune:
    """A sampled tune."""

    index: int
    """Number in the batch, from 0."""
    prompt: str
    temperature: float
    text: str
    """Prompt and sampled text, without the blank line at the end."""
    ended: bool
    """Whether it reached its blank line within max_chars."""


def spread(config: SamplingConfig, prompts: Sequence[str]) -> list[tuple[str, float]]:
    """Prompt and temperature of every tune: all pairs in turn, so that their counts differ by at most one."""
    pairs = ((prompt, temperature) for temperature in config.temperatures for prompt in prompts)
    return list(islice(cycle(islice(pairs, config.num_tunes)), config.num_tunes))


@torch.no_grad()
def sample_tunes(
    network: CharacterNetwork,
    vocabulary: Vocabulary,
    config: SamplingConfig,
    prompts: Sequence[str],
    seed: int,
    device: torch.device,
    on_step: Callable[[int, int], None] = lambda _step, _active: None,
) -> list[SampledTune]:
    """Sample config.num_tunes tunes.

    Every tune starts from a fresh state that has read a newline and its prompt, and ends at a blank line or
    at config.max_chars. Its random stream depends only on the seed and its index, so the other tunes of the
    batch change it by floating-point rounding at most. on_step receives the number of characters sampled and
    of tunes not yet finished. Raises InputError if a prompt has a character outside the vocabulary.
    """
    settings = spread(config, prompts)
    encoded = {prompt: vocabulary.encode_prompt(prompt) for prompt in prompts}
    # [max_chars, num_tunes]; -1 after the end of the prompt.
    forced = np.full((config.max_chars, len(settings)), -1, dtype=np.int64)
    for column, (prompt, _) in enumerate(settings):
        forced[: len(prompt), column] = encoded[prompt]
    longest_prompt = max(map(len, prompts))
    uniforms = np.stack(
        [generator_for(seed, "sampling", index).random(config.max_chars) for index in range(len(settings))],
        axis=1,
    )
    forced_tokens = torch.from_numpy(forced).to(device)
    draws = torch.from_numpy(uniforms).to(device)
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
            draws[step].index_select(0, active),
            config.top_k,
            config.top_p,
        )
        is_end = (chosen == vocabulary.newline) & (previous == vocabulary.newline)
        if step < longest_prompt:
            prompted = forced_tokens[step].index_select(0, active)
            chosen = torch.where(prompted < 0, chosen, prompted)
            is_end &= prompted < 0
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
        previous = chosen
    return [
        SampledTune(index, prompt, temperature, vocabulary.decode(tokens[:length]).rstrip("\n"), has_ended)
        for index, ((prompt, temperature), tokens, length, has_ended) in enumerate(
            zip(settings, written.T.tolist(), lengths.tolist(), ended.tolist(), strict=True)
        )
    ]
