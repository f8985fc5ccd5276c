"""When two trainings, or two runs, are the same: equal digests of resolved values.

Overrides are not hashed. A changed default must change the identity, and two spellings of one config must
not. Rendering, tracking and paths do not affect the numbers of a run, so they enter no identity.
"""

import hashlib
import json
import re
from collections.abc import Mapping

from musicgen.model.cells import cell_identity

ENGINE_VERSION = 6
"""Increase it whenever the same config would train other weights than before."""

STOP = "stop_iteration"
"""Enters the run's identity only if it is set, so that older identities stay valid."""
ENDS = ("early_stopping_patience", STOP)
"""Training settings that decide where a run ends, not what a step does."""
MAX_MINUTES = "max_minutes"
"""By then num_iterations is what fits into this time, and where the time ran out is a stop."""
START = "start_from"
"""A path or an abbreviation; the identity of the weights takes its place."""
UNUSED_AT_A_CONSTANT_RATE = ("num_iterations", "final_learning_rate_share")
"""Training settings that affect no step while the learning rate is constant."""
ONCE_WITHOUT: Mapping[str, Mapping[str, object]] = {
    "training": {"engine": "native", "start_from": None, "tune_start_share": 0.0, "max_minutes": None},
    "data": {"keep_chord_symbols": False, "exclude_near_duplicates_of": None, "git_blob": None},
    "model": {"form_plan": False, "lookback_statements": None, "notes": "letters"},
    "sampling": {
        **dict.fromkeys(("key", "meter", "rhythm", "range", "max_draws")),
        "keep": "all",
    },
    "evaluation": {"metrics": []},
}
"""Settings that older records lack, with the values that they mean. These enter no identity."""
NUM_DIGITS = 16
"""Hexadecimal digits of an identity."""


def training_identity(
    config: Mapping[str, object],
    corpus_sha256: str,
    device: str,
    start: str | None = None,
    max_validation_tunes: int | None = None,
) -> str:
    """Digest of everything that can change the weights after a given step, but not of where a run ends.

    Runs of any length share a training, unless the learning rate depends on the length.
    config: the resolved config as nested plain values; device: "cpu", "cuda" or "mps"; start: the identity of
    the weights that it starts from, None for random ones; max_validation_tunes: see Corpus. It decides which
    weights are the best.
    """
    data, training = config["data"], config["training"]
    assert isinstance(data, Mapping) and isinstance(training, Mapping)
    without_effect = (*ENDS, MAX_MINUTES, START)
    if training["schedule"] != "cosine":
        without_effect = (*without_effect, *UNUSED_AT_A_CONSTANT_RATE)
    # The digest of the corpus covers how its tunes were found and cleaned, but not how they are split.
    splitting = {
        name: data[name] for name in ("validation_share", "test_share", "near_duplicate_share", "split_seed")
    }
    model = _without_old_meanings("model", config["model"])
    model["cell"] = cell_identity(str(model["cell"]))
    return _digest(
        {
            "engine": ENGINE_VERSION,
            "device": device,
            "corpus": corpus_sha256,
            "split": splitting,
            "model": model,
            "training": {
                name: value
                for name, value in _without_old_meanings("training", training).items()
                if name not in without_effect
            },
            "seed": config["seed"],
            **({} if start is None else {"start": start}),
            **({} if max_validation_tunes is None else {"max_validation_tunes": max_validation_tunes}),
        }
    )


def run_identity(config: Mapping[str, object], training_id: str) -> str:
    """Digest of everything that can change the numbers of a run."""
    training = config["training"]
    assert isinstance(training, Mapping)
    end = {name: training.get(name) for name in ("num_iterations", *ENDS)}
    if end[STOP] is None:
        del end[STOP]
    return _digest(
        {
            "training": training_id,
            "end": end,
            "sampling": _without_old_meanings("sampling", config["sampling"]),
            "evaluation": _without_old_meanings("evaluation", config["evaluation"]),
        }
    )


def pace_identity(config: Mapping[str, object], corpus_sha256: str, device: str) -> str:
    """Digest of what decides how long a step or a validation takes on a given machine.

    Seeds and learning rates do not, so their trainings are timed once. The arguments are those of
    `training_identity`.
    """
    data, model, training = (config[name] for name in ("data", "model", "training"))
    assert isinstance(data, Mapping) and isinstance(model, Mapping) and isinstance(training, Mapping)
    return _digest(
        {
            "engine": ENGINE_VERSION,
            "device": device,
            "corpus": corpus_sha256,
            "split": {name: data[name] for name in ("validation_share", "test_share")},
            "model": {**model, "cell": cell_identity(str(model["cell"]))},
            "training": {
                name: training[name]
                for name in ("batch_size", "sequence_length", "num_threads", "precision", "engine")
            },
        }
    )


def _without_old_meanings(group: str, values: object) -> dict[str, object]:
    """The group without settings that mean what runs did before those settings existed."""
    assert isinstance(values, Mapping)
    known = ONCE_WITHOUT[group]
    return {name: value for name, value in values.items() if name not in known or value != known[name]}


def is_identity(name: str) -> bool:
    """Whether a name has the form of an identity."""
    return re.fullmatch(rf"[0-9a-f]{{{NUM_DIGITS}}}", name) is not None


def _digest(values: Mapping[str, object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:NUM_DIGITS]
