"""Starts a network from the weights of another one whose vocabulary differs."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from musicgen.corpus.vocabulary import UNKNOWN, Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import row_blocks
from musicgen.model.network import CharacterNetwork

_NEW = -1
"""Marks a token or row that the old network lacks."""


@torch.no_grad()
def start_from(
    network: CharacterNetwork, vocabulary: Vocabulary, weights: Mapping[str, torch.Tensor], old: Vocabulary
) -> None:
    """Copy weights into a network of the same shape; the rows of characters new to `old` stay as they are.

    vocabulary: the network's. weights: those of a network with the vocabulary `old`.
    """
    tokens = _matching_tokens(old, vocabulary)
    rows_of = {
        "embedding.weight": matching_rows(network.config, old, vocabulary),
        "output.weight": tokens,
        "output.bias": tokens,
    }
    for name, parameter in network.named_parameters():
        if name not in rows_of:
            parameter.copy_(weights[name])
            continue
        rows = torch.from_numpy(rows_of[name])
        parameter[rows != _NEW] = weights[name][rows[rows != _NEW]].to(parameter.device)


def matching_rows(config: ModelConfig, old: Vocabulary, new: Vocabulary) -> NDArray[np.int64]:
    """For each row of the new embedding, the row of the old one with the same meaning; -1 without one."""
    tokens = _matching_tokens(old, new)
    parts, first = [], 0
    for block in row_blocks(config):
        rows = np.arange(block.num_rows)
        if block.is_per_token:
            of_tokens = first + tokens[:, None] * block.num_rows + rows
            parts.append(np.where(tokens[:, None] == _NEW, _NEW, of_tokens).ravel())
            first += old.size * block.num_rows
        else:
            parts.append(first + rows)
            first += block.num_rows
    return np.concatenate(parts)


def _matching_tokens(old: Vocabulary, new: Vocabulary) -> NDArray[np.int64]:
    """For each new token, the old one of the same character; -1 without one."""
    tokens = old.encode(new.characters)
    return np.array([UNKNOWN, *np.where(tokens == UNKNOWN, _NEW, tokens)], np.int64)
