"""When two trainings, or two runs, are the same: equal digests of resolved values.

Overrides are not hashed. A changed default must change the identity, and two spellings of one config must
not. Rendering, tracking and paths do not affect the numbers of a run, so they enter no identity.
"""

import hashlib
import json
import re
from collections.abc import Mapping

ENGINE_VERSION = 5
"""Increase it whenever the same config would train other weights than before."""

STOP = "stop_iteration"
"""Enters the run's identity only if it is set, so that older identities stay valid."""
ENDS = ("early_stopping_patience", STOP)
"""Training settings that decide where a run ends, not what a step does."""
UNUSED_AT_A_CONSTANT_RATE = ("num_iterations", "final_learning_rate_share")
"""Training settings that affect no step while the learning rate is constant."""
LATER_SAMPLING: Mapping[str, object] = {
    **dict.fromkeys(("key", "meter", "rhythm", "range", "max_draws")),
    "keep": "all",
}
"""Sampling settings that older runs lack -> the value that they had, which enters no run identity."""
NUM_DIGITS = 16
"""Hexadecimal digits of an identity."""


def training_identity(config: Mapping[str, object], corpus_sha256: str, device: str) -> str:
    """Digest of everything that can change the weights after a given step, but not of where a run ends.

    Runs of any length share a training, unless the learning rate depends on the length.
    config: the resolved config as nested plain values; device: "cpu" or "cuda".
    """
    data, training = config["data"], config["training"]
    assert isinstance(data, Mapping) and isinstance(training, Mapping)
    without_effect = ENDS if training["schedule"] == "cosine" else (*ENDS, *UNUSED_AT_A_CONSTANT_RATE)
    if training.get("engine") == "native":
        # Trainings made before the engine could be chosen keep their identity.
        without_effect = (*without_effect, "engine")
    # The digest of the corpus covers how its tunes were found and cleaned, but not how they are split.
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
    """Digest of everything that can change the numbers of a run."""
    training, sampling = config["training"], config["sampling"]
    assert isinstance(training, Mapping) and isinstance(sampling, Mapping)
    end = {name: training.get(name) for name in ("num_iterations", *ENDS)}
    if end[STOP] is None:
        del end[STOP]
    return _digest(
        {
            "training": training_id,
            "end": end,
            "sampling": {
                name: value
                for name, value in sampling.items()
                if name not in LATER_SAMPLING or value != LATER_SAMPLING[name]
            },
            "evaluation": config["evaluation"],
        }
    )


def is_identity(name: str) -> bool:
    """Whether a name has the form of an identity."""
    return re.fullmatch(rf"[0-9a-f]{{{NUM_DIGITS}}}", name) is not None


def _digest(values: Mapping[str, object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:NUM_DIGITS]
