"""A run before anything is written: its input is read, and every possible user error is checked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config import Config, resolve
from musicgen.corpus.windows import RandomWindows
from musicgen.records.identity import run_identity, training_identity
from musicgen.rendering import check_soundfont
from musicgen.run.inputs import RunInputs
from musicgen.run.start import Start, count_seen_tunes, describe_start, load_start
from musicgen.sampling.prompts import Prompt, plan_prompts, warn_of_unusual
from musicgen.seeds import generator_for

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedRun:
    """A run whose input is known to be valid."""

    config: Config
    """Resolved: threads and precision are set."""
    inputs: RunInputs
    prompts: Sequence[Prompt]
    windows: RandomWindows
    device: "torch.device"
    training_id: str
    run_id: str
    directory: Path
    command: str
    changes: Sequence[str]
    """The overrides that made the config."""
    start: Start | None = None
    """The weights to start from; None for random ones."""
    seen_tunes: int | None = None
    """Held-out tunes with a near-duplicate among those that the start was trained on; None if unknown."""


def prepare(config: Config, directory: Path, command: str, changes: Sequence[str]) -> PreparedRun:
    """Read the corpus and check everything that a user can get wrong; raises InputError."""
    # A missing file should fail before the corpus is read.
    config.sampling.read_prompts()
    if config.rendering.num_tunes:
        check_soundfont(config.rendering)
    start = load_start(config)
    inputs = RunInputs.read(config, known_characters=start.characters if start else "")
    corpus = inputs.corpus
    for line in corpus.report.lines():
        log.info("%s: %s", corpus.name, line)
    seen_tunes = None
    if start is not None:
        seen_tunes = count_seen_tunes(start, corpus, config)
        log.info("%s", describe_start(start, inputs, seen_tunes))
    prompts = plan_prompts(config.sampling, corpus.headers, inputs.vocabulary)
    warn_of_unusual(prompts)
    # Imports torch, which takes a second: a mistyped corpus name should fail at once.
    config = resolve(config)
    training = config.training
    windows = RandomWindows(
        inputs.training_rows,
        training.batch_size,
        training.sequence_length,
        generator_for(config.seed, "batches"),
        inputs.tune_starts,
        training.tune_start_share,
    )
    from musicgen.training.device import choose_device

    device = choose_device(config.device)
    values, identity = config.as_dict(), start.identity if start else None
    training_id = training_identity(values, corpus.sha256, device.type, identity)
    return PreparedRun(
        config=config,
        inputs=inputs,
        prompts=prompts,
        windows=windows,
        device=device,
        training_id=training_id,
        run_id=run_identity(values, training_id),
        directory=directory,
        command=command,
        changes=changes,
        start=start,
        seen_tunes=seen_tunes,
    )
