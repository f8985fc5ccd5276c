"""What makes two trainings, or two runs, the same one: a digest of resolved values.

Overrides are not hashed: a changed default must change the identity, and two ways of saying the same thing
must not. Rendering, tracking and paths change no number of a run and belong to no identity.
"""

import hashlib
import json
from collections.abc import Mapping

ENGINE_VERSION = 1
"""Raised by hand whenever the same config would train other weights than before."""

LENGTH = 16
"""Hexadecimal digits of an identity."""


def training_identity(config: Mapping[str, object], corpus_sha256: str, device: str) -> str:
    """Digest of everything that can change the weights.

    config: the resolved config as nested plain values; device: the kind that trains ("cpu" or "cuda").
    """
    data = config["data"]
    assert isinstance(data, Mapping)
    # How the tunes were found and cleaned is in their digest; how they are split is not.
    splitting = {
        name: data[name] for name in ("validation_share", "test_share", "near_duplicate_share", "split_seed")
    }
    return _digest(
        {
            "engine": ENGINE_VERSION,
            "device": device,
            "corpus": corpus_sha256,
            "split": splitting,
            "model": config["model"],
            "training": config["training"],
            "seed": config["seed"],
        }
    )


def run_identity(config: Mapping[str, object], training_id: str) -> str:
    """Digest of everything that can change a run's numbers."""
    return _digest(
        {"training": training_id, "sampling": config["sampling"], "evaluation": config["evaluation"]}
    )


def _digest(values: Mapping[str, object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
