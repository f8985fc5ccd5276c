"""The identities of a sweep's runs, which depend on corpora, the device and what a training starts from."""

from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf

from musicgen.config import Config, resolve
from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import Corpus, load_corpus, split_tunes
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.notation.spelling import Spelling, spell_all
from musicgen.run.inputs import RunInputs
from musicgen.sweep.design import PlannedArm
from musicgen.sweep.plan import PlannedRun


class Corpora:
    """The corpora of a plan, each read once."""

    def __init__(self) -> None:
        self._read: dict[str, Corpus] = {}
        self._configs: dict[str, DataConfig] = {}
        self._characters: dict[tuple[str, Spelling], list[str]] = {}
        """Of each tune, every character once: each seed has its own split, and so its own vocabulary."""
        self._vocabularies: dict[tuple[str, Spelling, str], Vocabulary] = {}

    def identify(self, arm: PlannedArm, config: Config) -> PlannedRun:
        """A run of the arm with its identities; raises InputError for a bad corpus, prompt or device.

        config: the arm's with the run's seed. Wishes are checked against the headers of the first seed's
        split: reading those of every split would take seconds for a large corpus.
        """
        # Imported late: a wrong override should fail at once, and torch takes a second.
        from musicgen.run.prepare import identities
        from musicgen.run.start import load_start
        from musicgen.sampling.prompts import plan_prompts
        from musicgen.training.device import choose_device

        start = load_start(config)
        corpus = self._corpus(config)
        vocabulary = self._vocabulary(config, start.characters if start else "")
        plan_prompts(config.sampling, corpus.headers, vocabulary)
        config = resolve(config)
        device_type = choose_device(config.device).type
        return PlannedRun(arm, config, *identities(config, corpus, device_type, start))

    def inputs(self, config: Config) -> RunInputs:
        """What a run with this config reads, but for the split, which may be that of another seed."""
        from musicgen.run.start import load_start

        start = load_start(config)
        return RunInputs.of(self._corpus(config), config, start.characters if start else "")

    def _corpus(self, config: Config) -> Corpus:
        unsplit = _unsplit(config)
        if unsplit not in self._read:
            self._configs[unsplit] = config.data
            self._read[unsplit] = load_corpus(config.data, config.paths.known_cache)
        return self._read[unsplit]

    def _vocabulary(self, config: Config, known_characters: str) -> Vocabulary:
        """The vocabulary of the training tunes in this config's own split."""
        corpus, spelling = self._corpus(config), config.model.spelling
        unsplit, key = (_unsplit(config), spelling), (repr(config.data), spelling, known_characters)
        if unsplit not in self._characters:
            tunes = spell_all(corpus.tunes, corpus.sha256, spelling, config.paths.known_cache)
            self._characters[unsplit] = ["".join(set(tune)) for tune in tunes]
        if key not in self._vocabularies:
            characters = self._characters[unsplit]
            training = (characters[place] for place in split_tunes(corpus.groups, config.data).train)
            self._vocabularies[key] = Vocabulary.of(training, spelling, known_characters)
        return self._vocabularies[key]

    def keep(self, cache_dir: Path) -> None:
        """Write them into the cache, from which the jobs read them."""
        for config in self._configs.values():
            load_corpus(config, cache_dir)


def _unsplit(config: Config) -> str:
    """Equal for equal tunes: those of a corpus do not depend on its split."""
    return repr(replace(config.data, split_seed=0))


def with_fixed_start(arm: PlannedArm) -> PlannedArm:
    """The arm with `training.start_from` resolved once for all of its runs, if it abbreviates a training."""
    if arm.config.training.start_from is None:
        return arm
    # Imported late, as in Corpora.
    from musicgen.run.start import fixed_start

    fixed, name = fixed_start(arm.config), "training.start_from"
    if fixed is None:
        return arm
    composed = arm.composed.copy()
    OmegaConf.update(composed, name, fixed)
    change = arm.config.change
    if change is not None and change.parameter == name:
        change = replace(change, value=fixed)
    resolved = f"{name}={fixed}"
    overrides = [resolved if each.startswith(f"{name}=") else each for each in arm.overrides]
    if resolved not in overrides:
        # The arm's own change stays the last one: a second stage and a combination read it there.
        overrides.insert(len(overrides) - (change is not None), resolved)
    training = replace(arm.config.training, start_from=fixed)
    config = replace(arm.config, training=training, change=change)
    return replace(arm, composed=composed, config=config, overrides=overrides)
