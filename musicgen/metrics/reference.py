"""The scale for every metric: held-out corpus tunes as the reference, a character 5-gram model as the floor.

For each of 20 random splits, as many corpus tunes as a run samples are held out (groups of near-duplicates
stay together) and measured against the rest by the same code as generated tunes. The floor is the mean over
three of these splits of as many tunes sampled from a Witten–Bell 5-gram model of the rest. The two-sample
test draws its held-out tunes from the rest.

References are cached as JSON files, named by a hash of everything that their values depend on.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from musicgen.corpus.excerpts import evenly_spaced, number_within
from musicgen.errors import InputError
from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.ngram import NgramModel
from musicgen.metrics.originality import TrainingIndex
from musicgen.metrics.profile import Profile
from musicgen.metrics.registry import DEFINITION_VERSION, Metric, measure
from musicgen.metrics.tunes import ScoredTune, Tune, read_corpus, read_tunes, with_notes
from musicgen.system.cache import computed_once

log = logging.getLogger(__name__)

NUM_SPLITS = 20
NUM_FLOOR_SPLITS = 3
MAX_FLOOR_CHARACTERS = 5_000_000
"""Of a corpus with more text, the 5-gram model counts about this much, in tunes evenly spaced."""
MIN_CORPUS_TUNES = 8
_SEED = 20
_CAP_PERCENTILE = 99
"""The 5-gram model's tunes are capped at this percentile of the lengths of corpus tunes."""
_MIN_TUNES_PER_HELD_OUT = 4
"""At most a quarter of the corpus is held out, so that the rest still represents it."""

Metrics = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Reference:
    """Metrics of corpus tunes and of the floor at one sample size."""

    sample_size: int
    """Tunes held out in each split: the number requested, or a quarter of the corpus if that is less."""
    note_budget: int
    """Number of notes in which n-grams are counted: half of the average for `sample_size` corpus tunes."""
    mean: dict[str, float]
    """Metric -> mean over the splits; only metrics with a value in every split."""
    sd: dict[str, float]
    """Metric -> standard deviation over the splits, with Bessel's correction."""
    floor: dict[str, float]
    """Metric -> mean over the floor's splits."""

    @property
    def by_metric(self) -> dict[str, dict[str, float]]:
        """Metric -> mean and sd, as in run.json and tables."""
        return {metric: {"mean": mean, "sd": self.sd[metric]} for metric, mean in self.mean.items()}


def build_reference(
    tunes: Sequence[str],
    *,
    num_tunes: int,
    groups: Sequence[int] | None = None,
    num_splits: int = NUM_SPLITS,
    outside: Sequence[Metric] = (),
    cache_dir: Path | None = None,
    on_wait: Callable[[str], None] = log.warning,
    locks: bool = True,
) -> Reference:
    """The reference of a corpus for samples of `num_tunes`, cached in `cache_dir` if given.

    tunes: the cleaned texts of the whole corpus; groups: the group of near-duplicates of each tune, default:
    all different; outside: metrics of other packages to measure too. on_wait is called with a message if
    another process is computing the same reference; without `locks` both compute it. Raises InputError for
    fewer than 8 tunes with notes.
    """
    labels = list(range(len(tunes))) if groups is None else list(groups)
    assert len(labels) == len(tunes)
    if cache_dir is None:
        return _compute(tunes, labels, num_tunes, num_splits, outside)
    return computed_once(
        _cache_file(cache_dir, tunes, labels, num_tunes, num_splits, outside),
        read=lambda text: TypeAdapter(Reference).validate_json(text, strict=True),
        compute=lambda: _compute(tunes, labels, num_tunes, num_splits, outside, cache_dir),
        write=lambda reference: json.dumps(asdict(reference), indent=1) + "\n",
        on_wait=on_wait,
        locks=locks,
    )


def _cache_file(
    cache_dir: Path,
    tunes: Sequence[str],
    groups: Sequence[int],
    num_tunes: int,
    num_splits: int,
    outside: Sequence[Metric],
) -> Path:
    """The cache file of a reference; its name is a hash of everything that the values depend on."""
    values = [list(tunes), list(groups), num_tunes, DEFINITION_VERSION, num_splits, _SEED]
    content = json.dumps([*values, *(metric.code for metric in outside)])
    return cache_dir / f"reference-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"


def _compute(
    texts: Sequence[str],
    groups: Sequence[int],
    num_tunes: int,
    num_splits: int,
    outside: Sequence[Metric],
    cache_dir: Path | None = None,
) -> Reference:
    sample_size = max(min(num_tunes, len(texts) // _MIN_TUNES_PER_HELD_OUT), 1)
    held_out = [_hold_out(np.asarray(groups), sample_size, split) for split in range(num_splits)]
    # Parsed tunes need much memory, and abc2midi much time, so only tunes that some split holds out get them.
    is_scored = np.any(held_out, axis=0).tolist()
    scored = iter(read_tunes(list(compress(texts, is_scored)), runs_abc2midi=True))
    tunes = tuple(
        next(scored) if is_out else tune
        for tune, is_out in zip(read_corpus(texts, cache_dir), is_scored, strict=True)
    )
    num_usable = len(with_notes(tunes))
    if num_usable < MIN_CORPUS_TUNES:
        raise InputError(
            f"the corpus has {num_usable} tunes with notes; at least {MIN_CORPUS_TUNES} are needed"
        )
    num_notes = sum(len(tune.melody) for tune in tunes)
    splits = _Splits(
        texts=texts,
        tunes=tunes,
        held_out=held_out,
        index=TrainingIndex.build([tune.melody for tune in tunes]),
        profile=Profile.of([tune.melody for tune in with_notes(tunes)]),
        sample_size=sample_size,
        note_budget=max(sample_size * num_notes // len(tunes) // 2, 1),
        outside=tuple(outside),
    )
    corpus = [splits.measure_held_out(split) for split in range(num_splits)]
    floor = [splits.measure_floor(split) for split in range(min(NUM_FLOOR_SPLITS, num_splits))]
    return Reference(
        sample_size=sample_size,
        note_budget=splits.note_budget,
        mean=_over_splits(corpus, np.mean),
        sd=_over_splits(corpus, lambda values: np.std(values, ddof=1)),
        floor=_over_splits(floor, np.mean),
    )


@dataclass(frozen=True)
class _Splits:
    """A corpus that is read and indexed once, and split many times."""

    texts: Sequence[str]
    tunes: tuple[Tune, ...]
    """A ScoredTune for each tune that some split holds out."""
    held_out: Sequence[NDArray[np.bool_]]
    """Which tunes each split holds out, shape (tunes,)."""
    index: TrainingIndex
    profile: Profile
    """That of all tunes with notes."""
    sample_size: int
    note_budget: int
    outside: tuple[Metric, ...]

    def measure_held_out(self, split: int) -> Metrics:
        """The metrics of the tunes that this split holds out."""
        tunes = compress(self.tunes, self.held_out[split].tolist())
        return self._measure([tune for tune in tunes if isinstance(tune, ScoredTune)], split)

    def measure_floor(self, split: int) -> Metrics:
        """The metrics of as many tunes of a 5-gram model trained on the rest."""
        rest = [text for text, is_out in zip(self.texts, self.held_out[split], strict=True) if not is_out]
        max_chars = int(np.percentile([len(text) for text in rest], _CAP_PERCENTILE))
        samples = (
            NgramModel()
            .fit(evenly_spaced(rest, number_within(rest, MAX_FLOOR_CHARACTERS)))
            .sample(self.sample_size, max_chars, self._generator(split))
        )
        ended = [len(sample) < max_chars for sample in samples]
        return self._measure(read_tunes(samples, ended=ended, runs_abc2midi=True), split)

    def _measure(self, delivered: Sequence[ScoredTune], split: int) -> Metrics:
        is_kept = ~self.held_out[split]
        rest = [tune for tune, kept in zip(self.tunes, is_kept, strict=True) if kept and len(tune.melody)]
        shuffled = self._generator(split).permutation(len(rest))
        corpus = Corpus(
            training=tuple(rest),
            index=self.index.restricted(is_kept),
            indexed=self.tunes,
            held_out=tuple(rest[place] for place in shuffled[: self.sample_size]),
            known_profile=self._profile_of_rest(split),
        )
        comparison = Comparison(
            tuple(delivered),
            self.sample_size,
            corpus,
            self.sample_size,
            self.note_budget,
            seed=split,
            outside=self.outside,
        )
        return measure(comparison)[0]

    def _profile_of_rest(self, split: int) -> Profile:
        has_notes = np.array([len(tune.melody) > 0 for tune in self.tunes])
        is_out = self.held_out[split][has_notes]
        melodies = [tune.melody for tune in with_notes(compress(self.tunes, self.held_out[split].tolist()))]
        return self.profile.without(is_out, Profile.of(melodies)) if melodies else self.profile

    def _generator(self, split: int) -> np.random.Generator:
        return np.random.default_rng([_SEED, split, 1])


def _hold_out(groups: NDArray[np.int64], sample_size: int, split: int) -> NDArray[np.bool_]:
    """Which tunes a split holds out, shape (tunes,): random whole groups that fit."""
    is_held_out = np.zeros(len(groups), bool)
    room = sample_size
    for group in np.random.default_rng([_SEED, split]).permutation(np.unique(groups)):
        members = groups == group
        if members.sum() <= room:
            is_held_out |= members
            room -= int(members.sum())
        if room == 0:
            break
    return is_held_out


def _over_splits(splits: Sequence[Metrics], summary: Callable[[list[float]], Any]) -> dict[str, float]:
    """Summarise each metric that has a value in every split."""
    summaries = {}
    for name in splits[0]:
        values = [value for split in splits if (value := split[name]) is not None]
        if len(values) == len(splits):
            summaries[name] = float(summary(values))
    return summaries
