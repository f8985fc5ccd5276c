"""Where a training starts from, if not from random weights: `training.start_from`.

A run directory stands for its best weights; so do the first digits of a training in the store, with or
without `@ITERATION`, the end of one of its runs.
"""

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from musicgen.config import Config
from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import Corpus, load_corpus
from musicgen.corpus.splits import near_duplicates_of
from musicgen.errors import InputError
from musicgen.model.config import ModelConfig
from musicgen.notation.melodies import read_melodies
from musicgen.records.identity import NUM_DIGITS
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import FoundRun
from musicgen.records.store import read_store, training_folder
from musicgen.run.inputs import RunInputs
from musicgen.run.resample import state_file

if TYPE_CHECKING:
    from musicgen.model.checkpoint import Checkpoint

MIN_DIGITS = 8
_IDENTITY = re.compile(rf"([0-9a-f]{{{MIN_DIGITS},{NUM_DIGITS}}})(?:@(\d{{1,9}}))?")
"""Digits of a training, and the iteration at which a run of it ended; without one, the latest."""
_NOT_THE_SHAPE = frozenset({"dropout"})
"""Fields of the model that no weight depends on."""


@dataclass(frozen=True)
class Start:
    """The weights that a training starts from."""

    file: Path
    """The state in a store that holds them."""
    checkpoint: "Checkpoint"

    @property
    def training_id(self) -> str:
        """The identity of the training that made the weights."""
        return self.file.parent.name

    @property
    def identity(self) -> str:
        """Equal for equal weights, wherever they are stored."""
        return f"{self.training_id}@{self.checkpoint.iteration}"

    @property
    def characters(self) -> str:
        """What the network can read."""
        return self.checkpoint.vocabulary.characters

    def describe(self, seen_tunes: int | None) -> dict[str, object]:
        """The start as run.json records it. seen_tunes: see `count_seen_tunes`."""
        return {
            "training_id": self.training_id,
            "iteration": self.checkpoint.iteration,
            "validation_loss": self.checkpoint.validation_loss,
            "near_duplicates_of_held_out_tunes": seen_tunes,
        }


def load_start(config: Config) -> Start | None:
    """The weights that `training.start_from` names; None if it is null.

    Raises InputError if the weights are missing or do not fit `config.model`.
    """
    given = config.training.start_from
    if given is None:
        return None
    try:
        file = _find_state(given, config)
        start = Start(file, _load(file.absolute()))
        _check_shape(start.checkpoint.config, config.model)
    except InputError as error:
        raise InputError(f"training.start_from={given}: {error}") from error
    # Touch the file so that pruning treats it as recently used.
    with suppress(OSError):
        os.utime(file)
    return start


def fixed_start(config: Config) -> str | None:
    """What to put for an abbreviated `training.start_from`, so that it stays the same while others train."""
    start, given = load_start(config), config.training.start_from
    if start is None or given is None or _IDENTITY.fullmatch(given) is None:
        return None
    return f"{start.training_id}@{int(start.file.stem.rpartition('-')[2])}"


@lru_cache(maxsize=4)
def _load(file: Path) -> "Checkpoint":
    # Imported late: torch takes a second, and most runs start from random weights.
    from musicgen.training.state import load_best

    return load_best(file)


def _find_state(given: str, config: Config) -> Path:
    store, path = Path(config.paths.store), Path(given)
    if (path / FILE_NAME).is_file():
        return state_file(FoundRun(path, RunRecord.read(path)))
    match = _IDENTITY.fullmatch(given)
    if match is None:
        raise InputError(
            f"neither a run directory nor {MIN_DIGITS} to {NUM_DIGITS} digits of a training in {store}; "
            "`musicgen store` lists them"
        )
    digits, end = match.groups()
    found = [one.folder for one in read_store(store) if one.folder.path.name.startswith(digits)]
    if len(found) != 1:
        names = ", ".join(folder.path.name for folder in found) or "none"
        raise InputError(f"must be the beginning of one training in {store}; found {names}")
    ends = [state for state in found[0].states() if state.is_end]
    chosen = next((state.path for state in ends if end is None or state.iteration == int(end)), None)
    if chosen is None:
        known = ", ".join(str(state.iteration) for state in reversed(ends)) or "none"
        raise InputError(f"no run has ended there; runs ended at iteration: {known}")
    return chosen


def _check_shape(old: ModelConfig, new: ModelConfig) -> None:
    theirs, ours = asdict(old), asdict(new)
    different = [name for name in ours if theirs[name] != ours[name] and name not in _NOT_THE_SHAPE]
    if different:
        had = " ".join(f"model.{name}={theirs[name]}" for name in different)
        has = " ".join(f"model.{name}={ours[name]}" for name in different)
        raise InputError(f"its network has {had}, this run has {has}; they must be equal")


def count_seen_tunes(start: Start, corpus: Corpus, config: Config) -> int | None:
    """Held-out tunes of `corpus` with a near-duplicate among the tunes that the start was trained on.

    None if that corpus cannot be read as it was. Only the user's own store is asked which corpus it was: a
    record from somebody else must not decide which file is read here.
    """
    folder = training_folder(config, start.training_id)
    share = config.data.near_duplicate_share
    if share is None or start.file.parent.resolve() != folder.path.resolve():
        return None
    about, cache = folder.about, config.paths.known_cache
    try:
        data = TypeAdapter(DataConfig).validate_json(json.dumps(about["data"]))
        source = load_corpus(data, cache)
    except (InputError, ValidationError, KeyError, TypeError):
        return None
    if source.sha256 != about.get("corpus_sha256"):
        return None
    held_out, trained = (
        [melody.pitches for melody in read_melodies(tunes, cache)]
        for tunes in ([*corpus.part("validation"), *corpus.part("test")], source.part("train"))
    )
    return len(near_duplicates_of(held_out, trained, share))


def describe_start(start: Start, inputs: RunInputs, seen_tunes: int | None) -> str:
    """One line about the weights, and whether they know the held-out tunes."""
    checkpoint = start.checkpoint
    # As the network spells the tunes: a corpus may have letters that degrees lack, and the reverse.
    new = len(set(inputs.vocabulary.characters) - set(start.characters))
    report = inputs.corpus.report
    num_held_out = report.num_validation + report.num_test
    begin = (
        f"starting from iteration {checkpoint.iteration} of training {start.training_id} (validation loss "
        f"{checkpoint.validation_loss:.3f}); {new} characters are new to it"
    )
    if seen_tunes is None:
        return f"{begin}; whether it was trained on near-duplicates of held-out tunes is unknown"
    return f"{begin}; it was trained on near-duplicates of {seen_tunes} of {num_held_out} held-out tunes"


def leak_warning(corpus: Corpus, seen_tunes: int | None) -> list[str]:
    """A line if the start knows held-out tunes, so that the losses are too low."""
    if not seen_tunes:
        return []
    return [
        f"training.start_from: trained on near-duplicates of {seen_tunes} held-out tunes of {corpus.name}, "
        "so this run's losses are too low; train the start with data.exclude_near_duplicates_of"
    ]
