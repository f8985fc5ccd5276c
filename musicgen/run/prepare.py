"""A run before anything is written: its input is read, and every possible user error is checked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config import Config, resolve
from musicgen.corpus.corpus import Corpus
from musicgen.records.identity import run_identity, training_identity
from musicgen.records.store import training_folder
from musicgen.rendering import check_soundfont
from musicgen.run.inputs import RunInputs
from musicgen.run.start import Start, count_seen_tunes, describe_start, load_start
from musicgen.sampling.prompts import Prompt, plan_prompts, warn_of_unusual
from musicgen.training.config import TrainingConfig

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
    time_limit: str | None = None
    """How many iterations fit into training.max_minutes, in words; None without a limit."""

    def with_training(self, training: TrainingConfig) -> "PreparedRun":
        """The run with other training settings, and the identities that they give."""
        config = replace(self.config, training=training)
        training_id, run_id = identities(config, self.inputs.corpus, self.device.type, self.start)
        return replace(self, config=config, training_id=training_id, run_id=run_id)


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
    # Checks that the text is long enough for the windows.
    inputs.windows(config.training, config.seed)
    from musicgen.training.device import choose_device

    device = choose_device(config.device)
    training_id, run_id = identities(config, corpus, device.type, start)
    max_validation = corpus.max_validation_tunes(config.data.validation_share)
    if max_validation is not None and max_validation < corpus.report.num_validation:
        log.info(
            "%s: losses are those of %d validation tunes, evenly spaced, of %d",
            corpus.name,
            max_validation,
            corpus.report.num_validation,
        )
    run = PreparedRun(
        config=config,
        inputs=inputs,
        prompts=prompts,
        device=device,
        training_id=training_id,
        run_id=run_id,
        directory=directory,
        command=command,
        changes=changes,
        start=start,
        seen_tunes=seen_tunes,
    )
    return run if config.training.max_minutes is None else _within_time(run)


def _within_time(run: PreparedRun) -> PreparedRun:
    """The run with as many iterations as fit into training.max_minutes."""
    # Imports torch.
    from musicgen.run.pace import describe_fit, fit_into_time, known_pace, pace_file

    wanted = run.config.training
    whole = training_folder(run.config, run.training_id).end(wanted.num_iterations)
    timed = pace_file(run.config, run.inputs, run.device)
    is_timed = timed.exists()
    if whole.is_file() and not is_timed:
        # Nothing to train, and no shorter run of this training that another command has begun.
        return run
    pace = known_pace(run.config, run.inputs, run.device)
    fitted = fit_into_time(wanted, pace)
    line = describe_fit(wanted, fitted.num_iterations, pace)
    log.info("%s", line)
    if is_timed:
        log.info("timed before; to time again, remove %s", timed)
    return replace(run.with_training(fitted), time_limit=line)


def identities(config: Config, corpus: Corpus, device_type: str, start: Start | None) -> tuple[str, str]:
    """The identities of the training and the run; config: resolved; device_type: cpu, cuda or mps."""
    values, start_identity = config.as_dict(), start.identity if start else None
    max_validation = corpus.max_validation_tunes(config.data.validation_share)
    training_id = training_identity(values, corpus.sha256, device_type, start_identity, max_validation)
    return training_id, run_identity(values, training_id)
