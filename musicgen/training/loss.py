"""How well a network predicts whole tunes: −ln p, summed over all characters and divided by their number.

Each tune is read from a fresh state that has seen one newline, for the blank line before it. The network
predicts all of its characters and the two newlines that end it. The number is that of the tune as written, so
that losses are comparable between networks that spell notes differently.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from musicgen.corpus.corpus import TUNE_END
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader, row_type
from musicgen.model.network import CharacterNetwork
from musicgen.notation.headers import music_start

IGNORED = -100
"""Target of the padding after a tune that is shorter than others in its batch."""

ROWS_PER_BATCH = 128
STEPS_PER_CALL = 64
"""Time steps scored at once; limits the memory for the scores of a long tune."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Total ÷ count over a whole split, in nats per character."""

    nats: float
    body_nats: float
    """Over the characters after the header only."""
    num_characters: int

    @property
    def bits(self) -> float:
        """The loss in bits per character."""
        return self.nats / math.log(2)


@dataclass(frozen=True)
class EncodedTunes:
    """Tunes as padded batches, encoded once for all validations of a training."""

    batches: tuple[tuple[Tensor, Tensor, Tensor], ...]
    """Inputs [T, B, N]; targets [T, B], IGNORED where padded; whether each target is in a body, [T, B].

    Integers of 16 or 32 bits, since a corpus may have millions of held-out characters."""
    num_characters: int
    """Characters as written, with the two newlines that end each tune."""
    num_body_characters: int

    def to(self, device: torch.device) -> "EncodedTunes":
        """The same tunes with inputs and targets on another device."""
        return replace(self, batches=tuple((a.to(device), b.to(device), c) for a, b, c in self.batches))


def encode_tunes(tunes: Sequence[str], vocabulary: Vocabulary, config: ModelConfig) -> EncodedTunes:
    """Batches of tunes of similar length, longest first, encoded for a network of this config; on the CPU."""
    num_characters = sum(len(tune + TUNE_END) for tune in tunes)
    ordered = sorted(map(vocabulary.spelling.spell, tunes), key=len, reverse=True)
    return EncodedTunes(
        tuple(
            _encode_batch(ordered[start : start + ROWS_PER_BATCH], vocabulary, config)
            for start in range(0, len(ordered), ROWS_PER_BATCH)
        ),
        num_characters,
        num_characters - sum(map(music_start, tunes)),
    )


def _encode_batch(
    tunes: Sequence[str], vocabulary: Vocabulary, config: ModelConfig
) -> tuple[Tensor, Tensor, Tensor]:
    length = 1 + len(TUNE_END) + max(map(len, tunes))
    kind = row_type(config, vocabulary)
    tokens = np.full((length, len(tunes)), IGNORED, kind)
    in_body = np.zeros((length, len(tunes)), dtype=bool)
    for column, tune in enumerate(tunes):
        text = "\n" + tune + TUNE_END
        tokens[: len(text), column] = vocabulary.encode(text)
        in_body[1 + music_start(tune) : len(text), column] = True
    read = np.where(tokens == IGNORED, vocabulary.newline, tokens)[:-1]
    reader = InputReader(config, vocabulary, len(tunes))
    inputs = np.empty((*read.shape, reader.num_columns), kind)
    reader.read_into(inputs, read)
    return torch.from_numpy(inputs), torch.from_numpy(tokens[1:]), torch.from_numpy(in_body[1:])


@torch.no_grad()
def mean_loss(network: CharacterNetwork, tunes: EncodedTunes) -> Loss:
    """The loss over all tunes, each from a fresh state, dropout off."""
    was_training = network.training
    network.eval()
    total = body_total = 0.0
    for inputs, targets, in_body in tunes.batches:
        # Summed on the CPU, since Apple's MPS has no 64-bit floats.
        nats = _negative_log_likelihood(network, inputs, targets).cpu()
        total += float(nats.sum(dtype=torch.float64))
        body_total += float(nats[in_body].sum(dtype=torch.float64))
    network.train(was_training)
    return Loss(
        total / tunes.num_characters, body_total / max(tunes.num_body_characters, 1), tunes.num_characters
    )


def _negative_log_likelihood(network: CharacterNetwork, inputs: Tensor, targets: Tensor) -> Tensor:
    """−ln p of every target [T, B]; 0 where the target is IGNORED."""
    nats, state = torch.zeros(targets.shape, device=targets.device), None
    # The longest tunes come first, so tunes that have ended are the last columns. Counted in one go: a GPU is
    # waited for once.
    nums_left = (targets[::STEPS_PER_CALL] != IGNORED).sum(dim=1).tolist()
    for start, num_left in zip(range(0, len(inputs), STEPS_PER_CALL), nums_left, strict=True):
        piece = slice(start, start + STEPS_PER_CALL)
        if state is not None:
            state = tuple(part[:, :num_left] for part in state)
        expected = targets[piece, :num_left].long()
        scores, state = network(inputs[piece, :num_left].long(), state)
        nats[piece, :num_left] = functional.cross_entropy(
            scores.flatten(0, 1), expected.flatten(), ignore_index=IGNORED, reduction="none"
        ).view_as(expected)
    return nats
