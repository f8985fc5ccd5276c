"""Computes every metric of a set of tunes, and a row for each tune.

    evaluator = Evaluator(reference, Corpus.of(training_tunes, held_out_tunes))
    evaluation = evaluator.evaluate(tunes, num_requested=200)

A metric without a value is None in `metrics` and has a reason in `reasons`. No value is NaN or infinite.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.figures import evaluation_figures
from musicgen.metrics.noise import sampling_noise
from musicgen.metrics.per_tune import tune_rows
from musicgen.metrics.reference import Reference
from musicgen.metrics.registry import Metric, measure
from musicgen.metrics.tunes import read_tunes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a set of tunes."""

    metrics: dict[str, float | None]
    """Name -> value, in the order of the registry, without the fit family; then those of other packages."""
    reasons: dict[str, str]
    """Name -> why there is no value, for each None."""
    comparison: Comparison = field(repr=False, compare=False)

    @property
    def num_tunes(self) -> int:
        """Size of the sample that all families except validity measure."""
        return len(self.comparison.sample)

    @cached_property
    def per_tune(self) -> list[dict[str, object]]:
        """A row for each tune, in order; see per_tune.py for the columns."""
        return tune_rows(self.comparison)


class Evaluator:
    """Compares several sets of tunes with one corpus, which is indexed once."""

    def __init__(
        self,
        reference: Reference,
        corpus: Corpus,
        *,
        seed: int = 0,
        runs_abc2midi: bool = True,
        outside: Sequence[Metric] = (),
    ) -> None:
        """reference: sets sample size and note budget; seed: for samples, folds and shuffles.

        outside: metrics of other packages to measure too.
        """
        self._outside = tuple(outside)
        self._corpus = corpus
        self._latest: Comparison | None = None
        self._reference = reference
        self._seed = seed
        self._runs_abc2midi = runs_abc2midi

    def evaluate(
        self, tunes: Sequence[str], *, num_requested: int | None = None, ended: Sequence[bool] | None = None
    ) -> Evaluation:
        """Compute every metric of the tunes.

        num_requested: denominator of the validity rates; default: the number of tunes. ended: for each tune,
        whether it ended before the cap on characters; default: all did.
        """
        return _evaluation(self.compare(tunes, ended, num_requested))

    def evaluate_by(
        self,
        tunes: Sequence[str],
        keys: Sequence[Hashable],
        *,
        ended: Sequence[bool] | None = None,
        reference: Reference | None = None,
    ) -> dict[Hashable, Evaluation]:
        """Evaluate groups of tunes, such as those of each temperature or prompt, by first appearance.

        keys: the group of each tune. Many metrics depend on the number of tunes, so `reference` should be
        built for the size of a group. Without it, groups are comparable only with each other, and distinct
        n-grams have no value in small groups.
        """
        places: dict[Hashable, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        comparison = self.compare(tunes, ended)
        scale = self._reference if reference is None else reference
        return {
            key: _evaluation(comparison.group(group, scale.sample_size, scale.note_budget))
            for key, group in places.items()
        }

    def sampling_noise(
        self, tunes: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> dict[str, float]:
        """Standard error of each metric due to the finite number of tunes; see noise.py for the formula."""
        return sampling_noise(self.compare(tunes, ended))

    def figures(self, tunes: Sequence[str]) -> "dict[str, Figure]":
        """Figures by file name without suffix: pitches, transitions, lengths, originality."""
        # They do not depend on which tunes ended.
        if self._latest is not None and _texts(self._latest) == list(tunes):
            return evaluation_figures(self._latest)
        return evaluation_figures(self.compare(tunes))

    def compare(
        self, tunes: Sequence[str], ended: Sequence[bool] | None = None, num_requested: int | None = None
    ) -> Comparison:
        """The comparison of the tunes with the corpus, which all other methods use.

        Caches the latest comparison, with all results computed from it.
        """
        requested = len(tunes) if num_requested is None else num_requested
        assert requested >= len(tunes), "more tunes than were requested"
        flags = [True] * len(tunes) if ended is None else list(ended)
        latest = self._latest
        if (
            latest is not None
            and (_texts(latest), latest.num_requested) == (list(tunes), requested)
            and [tune.is_ended for tune in latest.delivered] == flags
        ):
            return latest
        self._latest = Comparison(
            delivered=tuple(read_tunes(tunes, ended=flags, runs_abc2midi=self._runs_abc2midi)),
            num_requested=requested,
            corpus=self._corpus,
            sample_size=self._reference.sample_size,
            note_budget=self._reference.note_budget,
            seed=self._seed,
            outside=self._outside,
        )
        return self._latest


def _evaluation(comparison: Comparison) -> Evaluation:
    metrics, reasons = measure(comparison)
    return Evaluation(metrics, reasons, comparison)


def _texts(comparison: Comparison) -> list[str]:
    return [tune.parsed.text for tune in comparison.delivered]
