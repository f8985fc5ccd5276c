"""A sample of tunes and the corpus that it is compared with.

Generated tunes, held-out corpus tunes and tunes of the floor all use the same class, and therefore the same
code at the same sample size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.diversity import pair_distances
from musicgen.metrics.originality import Copies, TrainingIndex
from musicgen.metrics.profile import Profile
from musicgen.metrics.structure import zip_ratios
from musicgen.metrics.tunes import ScoredTune, Tune, UnmeasurableError, with_notes
from musicgen.notation.melodies import Melody

if TYPE_CHECKING:
    from musicgen.metrics.registry import Metric


@dataclass(frozen=True)
class Corpus:
    """The tunes that a sample is compared with."""

    training: tuple[Tune, ...]
    """Training tunes of the network; all have notes."""
    index: TrainingIndex
    """An index of `training`, or of more tunes restricted to these."""
    indexed: tuple[Tune, ...]
    """The tunes that the index numbers refer to."""
    held_out: tuple[Tune, ...]
    """Tunes that the network never saw; all have notes."""
    known_profile: Profile | None = None
    """The profile of `training`, if it is known already."""

    @classmethod
    def of(cls, training: Sequence[Tune], held_out: Sequence[Tune]) -> "Corpus":
        """The corpus of these tunes, with its index; those without notes are left out."""
        known = tuple(with_notes(training))
        index = TrainingIndex.build([tune.melody for tune in known])
        return cls(known, index, known, tuple(with_notes(held_out)))

    @cached_property
    def profile(self) -> Profile:
        """Distributions of the training tunes. Raises UnmeasurableError without training tunes."""
        if not self.training:
            raise UnmeasurableError("no training tune has a note")
        if self.known_profile is not None:
            return self.known_profile
        return Profile.of([tune.melody for tune in self.training])

    @cached_property
    def held_out_copies(self) -> list[int]:
        """Length in notes of the longest passage that each held-out tune shares with a training tune."""
        return self.index.longest_copies(self.held_out_melodies)

    @property
    def held_out_melodies(self) -> list[Melody]:
        """The melodies of the held-out tunes."""
        return [tune.melody for tune in self.held_out]


@dataclass(frozen=True)
class Comparison:
    """Generated tunes, the corpus to compare them with, and the size of the sample."""

    delivered: tuple[ScoredTune, ...]
    """All generated tunes, valid or not; only validity uses them all."""
    num_requested: int
    """At least the number of delivered tunes."""
    corpus: Corpus
    sample_size: int
    """Maximum number of tunes for all families except validity; equals that of the reference."""
    note_budget: int
    """Number of notes in which n-grams are counted."""
    seed: int
    """Seed for the sample, the folds and the shuffles."""
    outside: "tuple[Metric, ...]" = ()
    """Metrics of other packages to measure too."""

    @cached_property
    def sample(self) -> list[ScoredTune]:
        """The tunes with notes; a random subset of `sample_size` if there are more."""
        tunes = with_notes(self.delivered)
        if len(tunes) <= self.sample_size:
            return tunes
        drawn = np.random.default_rng(self.seed).permutation(len(tunes))[: self.sample_size]
        return [tunes[place] for place in np.sort(drawn)]

    @cached_property
    def melodies(self) -> list[Melody]:
        """The melodies of the sample."""
        return [tune.melody for tune in self.sample]

    @cached_property
    def profile(self) -> Profile:
        """Distributions of the sample. Raises UnmeasurableError if it is empty."""
        return Profile.of(self.melodies)

    @cached_property
    def bars(self) -> list[tuple[str, ...]]:
        """The texts of the bars of each tune of the sample."""
        return [tune.bars for tune in self.sample]

    @cached_property
    def all_copies(self) -> list[Copies]:
        """Copies in each delivered tune. Raises UnmeasurableError without training tunes."""
        if not self.corpus.training:
            raise UnmeasurableError("no training tune has a note")
        return self.corpus.index.find([tune.melody for tune in self.delivered])

    @cached_property
    def copies(self) -> list[Copies]:
        """Copies in each tune of the sample. Raises UnmeasurableError without training tunes."""
        places = {id(tune): place for place, tune in enumerate(self.delivered)}
        return [self.all_copies[places[id(tune)]] for tune in self.sample]

    @cached_property
    def pair_distances(self) -> NDArray[np.float64]:
        """Distances between the tunes of the sample, shape (tunes, tunes)."""
        return pair_distances(self.melodies)

    @cached_property
    def zip_ratios(self) -> NDArray[np.float64]:
        """Zip ratio of each tune of the sample, shape (tunes,)."""
        return zip_ratios(self.melodies, self.seed)

    def group(self, places: Sequence[int], sample_size: int, note_budget: int) -> "Comparison":
        """The delivered tunes with these indices, as if only they had been requested."""
        group = replace(
            self,
            delivered=tuple(self.delivered[place] for place in places),
            num_requested=len(places),
            sample_size=sample_size,
            note_budget=note_budget,
        )
        if self.corpus.training:
            _set_cached(group, "all_copies", [self.all_copies[place] for place in places])
        return group

    def restricted(self, is_kept: NDArray[np.bool_], note_budget: int) -> "Comparison":
        """The comparison without some of the requested tunes.

        is_kept: shape (requested,), delivered tunes first. The sample is not redrawn, and cached results
        about tunes and pairs of tunes are reused.
        """
        delivered = [tune for tune, kept in zip(self.delivered, is_kept, strict=False) if kept]
        kept_ids = set(map(id, delivered))
        in_sample = np.array([id(tune) in kept_ids for tune in self.sample], bool)
        rest = replace(
            self, delivered=tuple(delivered), num_requested=int(is_kept.sum()), note_budget=note_budget
        )
        _set_cached(rest, "sample", [tune for tune in self.sample if id(tune) in kept_ids])
        _set_cached(rest, "zip_ratios", self.zip_ratios[in_sample])
        _set_cached(rest, "pair_distances", self.pair_distances[np.ix_(in_sample, in_sample)])
        if self.corpus.training:
            copies = [c for c, kept in zip(self.all_copies, is_kept, strict=False) if kept]
            _set_cached(rest, "all_copies", copies)
        return rest


def _set_cached(comparison: Comparison, name: str, value: object) -> None:
    vars(comparison)[name] = value
