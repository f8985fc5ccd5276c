"""What one evaluation compares: a sample of tunes with the corpus that it should resemble.

The same class serves generated tunes, held-out corpus tunes and tunes of the floor, so that all three go
through the same code at the same sample size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.diversity import pair_distances
from musicgen.metrics.originality import Copies, TrainingIndex
from musicgen.metrics.profile import Profile
from musicgen.metrics.structure import zip_ratios
from musicgen.metrics.tunes import Melody, ScoredTune, Tune, UnmeasurableError, with_notes


@dataclass(frozen=True)
class Corpus:
    """The tunes that a sample is compared with."""

    training: tuple[Tune, ...]
    """What the network learnt from; all of them have notes."""
    index: TrainingIndex
    """Of `training`, or of more tunes restricted to these."""
    indexed: tuple[Tune, ...]
    """The tunes that the numbers of the index speak of."""
    held_out: tuple[Tune, ...]
    """What the network never saw; all of them have notes."""

    @classmethod
    def of(cls, training: Sequence[Tune], held_out: Sequence[Tune]) -> "Corpus":
        """Index the training tunes; tunes without notes are left out."""
        known = tuple(with_notes(training))
        index = TrainingIndex.build([tune.melody for tune in known])
        return cls(known, index, known, tuple(with_notes(held_out)))

    @cached_property
    def profile(self) -> Profile:
        """What the tunes' distributions are compared with; UnmeasurableError where there are no tunes."""
        if not self.training:
            raise UnmeasurableError("no training tune has a note")
        return Profile.of([tune.melody for tune in self.training])

    @cached_property
    def held_out_copies(self) -> list[int]:
        """Notes of the longest passage that each held-out tune shares with a training tune."""
        return self.index.longest_copies(self.held_out_melodies)

    @property
    def held_out_melodies(self) -> list[Melody]:
        """The melodies for the two-sample test."""
        return [tune.melody for tune in self.held_out]


@dataclass(frozen=True)
class Comparison:
    """A sample of tunes beside a corpus, and the rules for sampling."""

    delivered: tuple[ScoredTune, ...]
    """Every tune that came, whatever it is: validity counts these."""
    num_requested: int
    corpus: Corpus
    sample_size: int
    """Most tunes that anything but validity looks at; the reference has as many."""
    note_budget: int
    """Notes over which n-grams are counted."""
    seed: int
    """Draws the sample, the folds and the shuffles."""

    @cached_property
    def sample(self) -> list[ScoredTune]:
        """The tunes with notes: `sample_size` of them drawn at random where there are more."""
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
        """The sample's distributions; UnmeasurableError where no tune has a note."""
        return Profile.of(self.melodies)

    @cached_property
    def bars(self) -> list[tuple[str, ...]]:
        """The bar texts of the sample's tunes."""
        return [tune.bars for tune in self.sample]

    @cached_property
    def all_copies(self) -> list[Copies]:
        """What each delivered tune shares with the training tunes; UnmeasurableError where there are none."""
        if not self.corpus.training:
            raise UnmeasurableError("no training tune has a note")
        return self.corpus.index.find([tune.melody for tune in self.delivered])

    @cached_property
    def copies(self) -> list[Copies]:
        """The same for the sample's tunes."""
        places = {id(tune): place for place, tune in enumerate(self.delivered)}
        return [self.all_copies[places[id(tune)]] for tune in self.sample]

    @cached_property
    def pair_distances(self) -> NDArray[np.float64]:
        """How far the sample's tunes are from one another, shape (tunes, tunes)."""
        return pair_distances(self.melodies)

    @cached_property
    def zip_ratios(self) -> NDArray[np.float64]:
        """How much order there is in each tune of the sample, shape (tunes,)."""
        return zip_ratios(self.melodies, self.seed)

    def group(self, places: Sequence[int], sample_size: int, note_budget: int) -> "Comparison":
        """Some of the delivered tunes, compared as if no other had been requested."""
        group = replace(
            self,
            delivered=tuple(self.delivered[place] for place in places),
            num_requested=len(places),
            sample_size=sample_size,
            note_budget=note_budget,
        )
        if self.corpus.training:
            _know(group, "all_copies", [self.all_copies[place] for place in places])
        return group

    def rest(self, is_left: NDArray[np.bool_], note_budget: int) -> "Comparison":
        """What is left of the comparison when some requested tunes are taken out of it.

        is_left: shape (requested,); those that never came stand behind the delivered ones. The sample is not
        drawn anew, and nothing that was found about a tune or a pair of them is found again.
        """
        delivered = [tune for tune, left in zip(self.delivered, is_left, strict=False) if left]
        left_ids = set(map(id, delivered))
        in_sample = np.array([id(tune) in left_ids for tune in self.sample], bool)
        rest = replace(
            self, delivered=tuple(delivered), num_requested=int(is_left.sum()), note_budget=note_budget
        )
        _know(rest, "sample", [tune for tune, left in zip(self.sample, in_sample, strict=True) if left])
        _know(rest, "zip_ratios", self.zip_ratios[in_sample])
        _know(rest, "pair_distances", self.pair_distances[np.ix_(in_sample, in_sample)])
        if self.corpus.training:
            _know(rest, "all_copies", [c for c, left in zip(self.all_copies, is_left, strict=False) if left])
        return rest


def _know(comparison: Comparison, name: str, value: object) -> None:
    """Give a comparison what another one has found already, as if its cached property had found it."""
    vars(comparison)[name] = value
