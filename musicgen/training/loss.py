"""How well a network predicts whole tunes: −ln p, summed over every character and divided by their number.

A tune is read from a fresh state that has seen one newline, the blank line before it. Predicted are all of
its characters and the two newlines that end it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from musicgen.corpus.corpus import TUNE_END
from musicgen.corpus.tunes import split_header
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader
from musicgen.model.network import CharacterNetwork

IGNORED = -100
"""A target that does not count: padding behind a tune that is shorter than its neighbours."""

ROWS_PER_BATCH = 128
STEPS_PER_CALL = 64
"""Time steps scored at once; bounds the memory that the scores of a long tune take."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Total ÷ count over a whole split."""

    nats: float
    """Per character."""
    body_nats: float
    """The same over the characters behind the header alone."""
    num_characters: int

    @property
    def bits(self) -> float:
        """Bits per character."""
        return self.nats / math.log(2)


@dataclass(frozen=True)
class EncodedTunes:
    """Tunes as padded batches, prepared once for all validations of a training."""

    batches: tuple[tuple[Tensor, Tensor, Tensor], ...]
    """inputs [T, B, N]; targets (IGNORED where padded), and whether a target is in a body, [T, B] each."""

    def to(self, device: torch.device) -> "EncodedTunes":
        """The same where the network is."""
        return EncodedTunes(
            tuple(
                (inputs.to(device), targets.to(device), in_body.to(device))
                for inputs, targets, in_body in self.batches
            )
        )


def encode_tunes(tunes: Sequence[str], vocabulary: Vocabulary, config: ModelConfig) -> EncodedTunes:
    """Batches of tunes of like length, longest first, as a network of this config reads them; on the CPU."""
    ordered = sorted(tunes, key=len, reverse=True)
    return EncodedTunes(
        tuple(
            _encode_batch(ordered[start : start + ROWS_PER_BATCH], vocabulary, config)
            for start in range(0, len(ordered), ROWS_PER_BATCH)
        )
    )


def _encode_batch(
    tunes: Sequence[str], vocabulary: Vocabulary, config: ModelConfig
) -> tuple[Tensor, Tensor, Tensor]:
    length = 1 + len(TUNE_END) + max(map(len, tunes))
    tokens = np.full((length, len(tunes)), IGNORED, dtype=np.int64)
    in_body = np.zeros((length, len(tunes)), dtype=bool)
    for column, tune in enumerate(tunes):
        text = "\n" + tune + TUNE_END
        tokens[: len(text), column] = vocabulary.encode(text)
        in_body[1 + len(split_header(tune)[0]) : len(text), column] = True
    read = np.where(tokens == IGNORED, vocabulary.newline, tokens)[:-1]
    inputs = InputReader(config, vocabulary, len(tunes)).read(read)
    return torch.from_numpy(inputs), torch.from_numpy(tokens[1:]), torch.from_numpy(in_body[1:])


@torch.no_grad()
def mean_loss(network: CharacterNetwork, tunes: EncodedTunes) -> Loss:
    """The loss over all of these tunes, state reset for each, dropout off."""
    was_training = network.training
    network.eval()
    total = body_total = 0.0
    count = body_count = 0
    for inputs, targets, in_body in tunes.batches:
        nats = _negative_log_likelihood(network, inputs, targets)
        total += float(nats.sum(dtype=torch.float64))
        body_total += float(nats[in_body].sum(dtype=torch.float64))
        count += int((targets != IGNORED).sum())
        body_count += int(in_body.sum())
    network.train(was_training)
    return Loss(total / count, body_total / max(body_count, 1), count)


def _negative_log_likelihood(network: CharacterNetwork, inputs: Tensor, targets: Tensor) -> Tensor:
    """−ln p of every target, [T, B]; 0 where the target is IGNORED."""
    nats, state = torch.zeros(targets.shape, device=targets.device), None
    for start in range(0, len(inputs), STEPS_PER_CALL):
        piece = slice(start, start + STEPS_PER_CALL)
        # The longest tunes come first: those that have ended are the last columns.
        going_on = int((targets[start] != IGNORED).sum())
        if state is not None:
            state = tuple(part[:, :going_on] for part in state)
        expected = targets[piece, :going_on]
        scores, state = network(inputs[piece, :going_on], state)
        nats[piece, :going_on] = functional.cross_entropy(
            scores.flatten(0, 1), expected.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(expected)
    return nats
