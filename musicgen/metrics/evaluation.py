"""Every metric of some tunes, and a row for each tune.

    evaluator = Evaluator(reference, training_tunes, held_out_tunes)
    evaluation = evaluator.evaluate(tunes, num_requested=200)

A metric without a value is None in `metrics` and says why in `reasons`; no value is ever NaN or infinite.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.figures import evaluation_figures
from musicgen.metrics.measuring import measure
from musicgen.metrics.melody import ScoredTune, read_corpus, read_tunes
from musicgen.metrics.reference import Reference
from musicgen.metrics.tune_rows import tune_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of a set of tunes."""

    metrics: dict[str, float | None]
    """Name → value, in the order of the registry, without the fit family."""
    reasons: dict[str, str]
    """Name → why there is no value, for each None."""
    per_tune: list[dict[str, object]]
    """A row for each tune, in order; see `tune_rows` for the columns."""
    num_tunes: int
    """Tunes with notes that all families but validity looked at."""


class Evaluator:
    """Compares tunes with one corpus, which is read and indexed once."""

    def __init__(
        self,
        reference: Reference,
        training_tunes: Sequence[str],
        held_out_tunes: Sequence[str],
        *,
        seed: int = 0,
        asks_abc2midi: bool = True,
        cache_dir: Path | None = None,
    ) -> None:
        """`reference` gives sample size and note budget; the seed draws samples, folds and shuffles.

        The corpus' melodies are kept in `cache_dir`, where one is given.
        """
        self._corpus = Corpus.of(
            read_corpus(training_tunes, cache_dir), read_corpus(held_out_tunes, cache_dir)
        )
        self._reference = reference
        self._seed = seed
        self._asks_abc2midi = asks_abc2midi

    def evaluate(
        self,
        tunes: Sequence[str],
        *,
        num_requested: int | None = None,
        ended: Sequence[bool] | None = None,
    ) -> Evaluation:
        """Every metric of the tunes. `num_requested` is the denominator of validity rates (all, if not
        given).

        `ended` says for each tune whether it came to its end before the cap on characters (all, if not
        given).
        """
        requested = len(tunes) if num_requested is None else num_requested
        assert requested >= len(tunes), "more tunes came than were requested"
        delivered = read_tunes(tunes, ended=ended, asks_abc2midi=self._asks_abc2midi)
        comparison = self._compare(delivered, requested)
        metrics, reasons = measure(comparison)
        return Evaluation(metrics, reasons, tune_rows(comparison), len(comparison.sample))

    def evaluate_by(
        self,
        tunes: Sequence[str],
        keys: Sequence[Hashable],
        *,
        ended: Sequence[bool] | None = None,
    ) -> dict[Hashable, Evaluation]:
        """An evaluation for each key, such as temperature or prompt, in the order of first appearance.

        `keys` holds the key of each tune. The groups are smaller than the whole: compare them with one
        another when they are of equal size, not with the reference.
        """
        places: dict[Hashable, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        return {
            key: self.evaluate(
                [tunes[place] for place in chosen],
                ended=None if ended is None else [ended[place] for place in chosen],
            )
            for key, chosen in places.items()
        }

    def figures(self, tunes: Sequence[str]) -> "dict[str, Figure]":
        """The figures by file name without suffix: pitches, transitions, lengths, originality."""
        return evaluation_figures(self._compare(read_tunes(tunes), len(tunes)))

    def _compare(self, delivered: Sequence[ScoredTune], num_requested: int) -> Comparison:
        return Comparison(
            delivered=tuple(delivered),
            num_requested=num_requested,
            corpus=self._corpus,
            sample_size=self._reference.sample_size,
            note_budget=self._reference.note_budget,
            seed=self._seed,
        )


def evaluate(
    tunes: Sequence[str],
    reference: Reference,
    *,
    training_tunes: Sequence[str],
    held_out_tunes: Sequence[str],
    num_requested: int | None = None,
    ended: Sequence[bool] | None = None,
) -> Evaluation:
    """Every metric of the tunes, for one evaluation only; several against one corpus share an Evaluator."""
    evaluator = Evaluator(reference, training_tunes, held_out_tunes)
    return evaluator.evaluate(tunes, num_requested=num_requested, ended=ended)
