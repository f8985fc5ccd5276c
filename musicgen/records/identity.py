"""What makes two trainings, or two runs, the same one: a digest of resolved values.

Overrides are not hashed: a changed default must change the identity, and two ways of saying the same thing
must not. Rendering, tracking and paths change no number of a run and belong to no identity.
"""

import hashlib
import json
import re
from collections.abc import Mapping

ENGINE_VERSION = 5
"""Raised by hand whenever the same config would train other weights than before."""

STOP = "stop_iteration"
"""Where somebody looks at a run before its end. Without one a run's identity does not mention it."""
ENDS = ("early_stopping_patience", STOP)
"""Training settings that say where a run ends, never what a step does."""
WITH_A_CONSTANT_RATE = ("num_iterations", "final_learning_rate_share")
"""Training settings that no step looks at while the learning rate is constant."""

LENGTH = 16
"""Hexadecimal digits of an identity."""


def training_identity(config: Mapping[str, object], corpus_sha256: str, device: str) -> str:
    """Digest of everything that can change the weights on the way, but not of where a run ends.

    Runs of any length share a training, unless its learning rate depends on the length.
    config: the resolved config as nested plain values; device: the kind that trains ("cpu" or "cuda").
    """
    data, training = config["data"], config["training"]
    assert isinstance(data, Mapping) and isinstance(training, Mapping)
    without_effect = ENDS if training["schedule"] == "cosine" else (*ENDS, *WITH_A_CONSTANT_RATE)
    if training.get("engine") == "native":
        # Trainings from before there was a choice keep their identity.
        without_effect = (*without_effect, "engine")
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
            "training": {name: value for name, value in training.items() if name not in without_effect},
            "seed": config["seed"],
        }
    )


def run_identity(config: Mapping[str, object], training_id: str) -> str:
    """Digest of everything that can change a run's numbers."""
    training = config["training"]
    assert isinstance(training, Mapping)
    end = {name: training.get(name) for name in ("num_iterations", *ENDS)}
    if end[STOP] is None:
        del end[STOP]
    return _digest(
        {
            "training": training_id,
            "end": end,
            "sampling": config["sampling"],
            "evaluation": config["evaluation"],
        }
    )


def is_identity(name: str) -> bool:
    """Whether a name is that of a training or a run, as the two functions above give it."""
    return re.fullmatch(rf"[0-9a-f]{{{LENGTH}}}", name) is not None


def _digest(values: Mapping[str, object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
