"""A run before anything is written: its input read, everything that a user can have got wrong checked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config import Config, resolve
from musicgen.corpus.corpus import Corpus
from musicgen.corpus.windows import RandomWindows
from musicgen.engine.choice import Precision
from musicgen.records.identity import run_identity, training_identity
from musicgen.records.store import training_folder
from musicgen.rendering import check_soundfont
from musicgen.run.inputs import Material, material_of
from musicgen.seeds import generator_for
from musicgen.training.folder import TrainingFolder

if TYPE_CHECKING:
    import torch

    from musicgen.training.loss import EncodedTunes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedRun:
    """A run whose input is known to be good."""

    config: Config
    material: Material
    prompts: Sequence[str]
    windows: RandomWindows
    device: "torch.device"
    training_id: str
    run_id: str
    directory: Path
    command: str
    changes: Sequence[str]
    """The overrides that made this config."""

    @property
    def corpus(self) -> Corpus:
        """What the run is about."""
        return self.material.corpus

    @property
    def store(self) -> TrainingFolder:
        """Where the states of this training are."""
        return training_folder(self.config, self.training_id)

    @cached_property
    def validation(self) -> "EncodedTunes":
        """The validation tunes where the network reads them."""
        return self.material.validation.to(self.device)

    @property
    def num_threads(self) -> int:
        """Of the processor."""
        assert self.config.training.num_threads is not None, "resolved by `prepare`"
        return self.config.training.num_threads

    @property
    def precision(self) -> Precision:
        """Of the network's matrix products."""
        assert self.config.training.precision is not None, "resolved by `prepare`"
        return self.config.training.precision

    @property
    def origin(self) -> str:
        """Model and seed, for the headers of sampled tunes."""
        from musicgen.run.songs import origin_of

        return origin_of(self.run_id, self.config.model, self.corpus.name, self.config.seed)


def prepare(config: Config, directory: Path, command: str, changes: Sequence[str]) -> PreparedRun:
    """Read the corpus and check everything that may be wrong; raises InputError."""
    prompts = config.sampling.read_prompts()
    if config.rendering.num_tunes:
        check_soundfont(config.rendering)
    material = material_of(config)
    corpus = material.corpus
    for line in corpus.report.lines():
        log.info("%s: %s", corpus.name, line)
    for prompt in prompts:
        corpus.vocabulary.encode_prompt(prompt)
    # Imports torch, which takes a second: a mistyped corpus name should fail at once.
    config = resolve(config)
    training = config.training
    windows = RandomWindows(
        material.training_rows,
        training.batch_size,
        training.sequence_length,
        generator_for(config.seed, "batches"),
    )
    from musicgen.training.device import choose_device

    device = choose_device(config.device)
    training_id = training_identity(config.as_dict(), corpus.sha256, device.type)
    run_id = run_identity(config.as_dict(), training_id)
    return PreparedRun(
        config, material, prompts, windows, device, training_id, run_id, directory, command, changes
    )
