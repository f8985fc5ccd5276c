"""Every metric of some tunes, and a row for each tune.

    evaluator = Evaluator(reference, Corpus.of(training_tunes, held_out_tunes))
    evaluation = evaluator.evaluate(tunes, num_requested=200)

A metric without a value is None in `metrics` and says why in `reasons`; no value is ever NaN or infinite.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.figures import evaluation_figures
from musicgen.metrics.measuring import measure
from musicgen.metrics.noise import sampling_noise
from musicgen.metrics.per_tune import tune_rows
from musicgen.metrics.reference import Reference
from musicgen.metrics.tunes import read_corpus, read_tunes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a set of tunes."""

    metrics: dict[str, float | None]
    """Name → value, in the order of the registry, without the fit family."""
    reasons: dict[str, str]
    """Name → why there is no value, for each None."""
    comparison: Comparison = field(repr=False, compare=False)
    """What was measured."""

    @property
    def num_tunes(self) -> int:
        """Tunes with notes that all families but validity looked at."""
        return len(self.comparison.sample)

    @cached_property
    def per_tune(self) -> list[dict[str, object]]:
        """A row for each tune, in order; see `tune_rows` for the columns. Found where somebody asks."""
        return tune_rows(self.comparison)


class Evaluator:
    """Compares tunes with one corpus, which is read and indexed once."""

    def __init__(
        self, reference: Reference, corpus: Corpus, *, seed: int = 0, asks_abc2midi: bool = True
    ) -> None:
        """`reference` gives sample size and note budget; the seed draws samples, folds and shuffles."""
        self._corpus = corpus
        self._latest: Comparison | None = None
        self._reference = reference
        self._seed = seed
        self._asks_abc2midi = asks_abc2midi

    @classmethod
    def of_texts(
        cls,
        reference: Reference,
        training_tunes: Sequence[str],
        held_out_tunes: Sequence[str],
        *,
        seed: int = 0,
        asks_abc2midi: bool = True,
    ) -> "Evaluator":
        """An evaluator that reads its corpus itself."""
        corpus = Corpus.of(read_corpus(training_tunes), read_corpus(held_out_tunes))
        return cls(reference, corpus, seed=seed, asks_abc2midi=asks_abc2midi)

    def evaluate(
        self, tunes: Sequence[str], *, num_requested: int | None = None, ended: Sequence[bool] | None = None
    ) -> Evaluation:
        """Every metric of the tunes. `num_requested` is the denominator of validity rates (all, if not
        given).

        `ended` says for each tune whether it came to its end before the cap on characters (all, if not
        given).
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
        """An evaluation for each key, such as temperature or prompt, in the order of first appearance.

        `keys` holds the key of each tune. Many metrics depend on the number of tunes: with a `reference` that
        was built for as many tunes as a group has, the groups compare with it. Without one they compare with
        one another alone, and distinct n-grams have no value in groups that are too small.
        """
        places: dict[Hashable, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        whole = self.compare(tunes, ended)
        scale = self._reference if reference is None else reference
        return {
            key: _evaluation(whole.group(chosen, scale.sample_size, scale.note_budget))
            for key, chosen in places.items()
        }

    def sampling_noise(
        self, tunes: Sequence[str], *, ended: Sequence[bool] | None = None
    ) -> dict[str, float]:
        """The standard error of the metrics that comes from the finite number of tunes.

        See `noise.py` for the formula and for what has none.
        """
        return sampling_noise(self.compare(tunes, ended))

    def figures(self, tunes: Sequence[str]) -> "dict[str, Figure]":
        """The figures by file name without suffix: pitches, transitions, lengths, originality."""
        # They do not ask which tunes came to their end.
        if self._latest is not None and _texts(self._latest) == list(tunes):
            return evaluation_figures(self._latest)
        return evaluation_figures(self.compare(tunes))

    def compare(
        self, tunes: Sequence[str], ended: Sequence[bool] | None = None, num_requested: int | None = None
    ) -> Comparison:
        """The tunes beside the corpus, as all other methods see them.

        The latest comparison is kept: what was found about the same tunes is not found again.
        """
        requested = len(tunes) if num_requested is None else num_requested
        assert requested >= len(tunes), "more tunes came than were requested"
        flags = [True] * len(tunes) if ended is None else list(ended)
        latest = self._latest
        if (
            latest is not None
            and (_texts(latest), latest.num_requested) == (list(tunes), requested)
            and [tune.is_ended for tune in latest.delivered] == flags
        ):
            return latest
        self._latest = Comparison(
            delivered=tuple(read_tunes(tunes, ended=flags, asks_abc2midi=self._asks_abc2midi)),
            num_requested=requested,
            corpus=self._corpus,
            sample_size=self._reference.sample_size,
            note_budget=self._reference.note_budget,
            seed=self._seed,
        )
        return self._latest


def _evaluation(comparison: Comparison) -> Evaluation:
    metrics, reasons = measure(comparison)
    return Evaluation(metrics, reasons, comparison)


def _texts(comparison: Comparison) -> list[str]:
    return [tune.parsed.text for tune in comparison.delivered]


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
    evaluator = Evaluator.of_texts(reference, training_tunes, held_out_tunes)
    return evaluator.evaluate(tunes, num_requested=num_requested, ended=ended)
