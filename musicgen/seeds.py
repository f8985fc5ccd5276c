"""Independent random streams from one seed: drawing more from one does not change another."""

import numpy as np

STREAMS = ("split", "initialisation", "batches", "dropout", "sampling")


def seed_sequence(seed: int, stream: str, *key: int) -> np.random.SeedSequence:
    """The seed sequence of a named stream; `key` numbers a part of it, such as tune 7 of "sampling"."""
    return np.random.SeedSequence(entropy=seed, spawn_key=(STREAMS.index(stream), *key))


def generator_for(seed: int, stream: str, *key: int) -> np.random.Generator:
    """A numpy generator for a named stream."""
    return np.random.default_rng(seed_sequence(seed, stream, *key))


def torch_seed(seed: int, stream: str) -> int:
    """A 63-bit seed of a named stream, for torch."""
    return int(seed_sequence(seed, stream).generate_state(1, np.uint64)[0] >> np.uint64(1))
