"""Computes every metric of a set of tunes, and a row for each tune.

    comparison = compare(tunes, reference, Corpus.of(training_tunes, held_out_tunes), num_requested=200)
    evaluation = Evaluation.of(comparison)

A metric without a value is None in `metrics` and has a reason in `reasons`. No value is NaN or infinite.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.per_tune import tune_rows
from musicgen.metrics.reference import Reference
from musicgen.metrics.registry import Metric, measure
from musicgen.metrics.tunes import read_tunes


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a set of tunes."""

    metrics: dict[str, float | None]
    """Name -> value, in the order of the registry, without the fit family; then those of other packages."""
    reasons: dict[str, str]
    """Name -> why there is no value, for each None."""
    comparison: Comparison = field(repr=False, compare=False)

    @classmethod
    def of(cls, comparison: Comparison) -> "Evaluation":
        """Compute every metric. The comparison keeps what they share, for sampling noise and figures."""
        return cls(*measure(comparison), comparison)

    @cached_property
    def per_tune(self) -> list[dict[str, object]]:
        """A row for each tune, in order; see per_tune.py for the columns."""
        return tune_rows(self.comparison)


def compare(
    tunes: Sequence[str],
    reference: Reference,
    corpus: Corpus,
    *,
    ended: Sequence[bool] | None = None,
    num_requested: int | None = None,
    seed: int = 0,
    runs_abc2midi: bool = True,
    outside: Sequence[Metric] = (),
) -> Comparison:
    """The comparison of the tunes with a corpus, from which metrics, noise and figures are computed.

    reference: sets sample size and note budget. ended: for each tune, whether it ended before the cap on
    characters; default: all did. num_requested: denominator of the validity rates; default: the number of
    tunes. seed: for samples, folds and shuffles. outside: metrics of other packages to measure too.
    """
    requested = len(tunes) if num_requested is None else num_requested
    assert requested >= len(tunes), "more tunes than were requested"
    return Comparison(
        delivered=tuple(read_tunes(tunes, ended=ended, runs_abc2midi=runs_abc2midi)),
        num_requested=requested,
        corpus=corpus,
        sample_size=reference.sample_size,
        note_budget=reference.note_budget,
        seed=seed,
        outside=tuple(outside),
    )


def evaluate_by(
    comparison: Comparison, keys: Sequence[Hashable], reference: Reference
) -> dict[Hashable, Evaluation]:
    """Evaluate groups of tunes, such as those of each temperature or prompt, by first appearance.

    keys: the group of each tune. Many metrics depend on the number of tunes, so `reference` should be built
    for the size of a group. With that of all tunes, groups are comparable only with each other, and distinct
    n-grams have no value in small groups.
    """
    places: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return {
        key: Evaluation.of(comparison.group(group, reference.sample_size, reference.note_budget))
        for key, group in places.items()
    }
