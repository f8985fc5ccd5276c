"""Every metric by name: its direction, a line of description, and how to compute it from a `Comparison`.

To add a metric, write a function in its family's module and add a line here. Metrics of other packages are
declared while a program runs (outside.py).
"""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from musicgen.metrics import diversity, originality, similarity, structure, validity
from musicgen.metrics.comparison import Comparison
from musicgen.metrics.tunes import UnmeasurableError

DEFINITION_VERSION = 3
"""Increase it whenever a value changes for the same tunes, so that older cached references are ignored."""


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    CORPUS = "corpus"
    """As close as possible to the value of held-out corpus tunes."""


ARROWS = {Direction.HIGHER: "↑", Direction.LOWER: "↓", Direction.CORPUS: "→ corpus"}
"""The directions in tables and figures."""
HIGHER, LOWER, CORPUS = Direction

Limits = tuple[float, float]
"""Lowest and highest possible value."""
SHARE: Limits = (0.0, 1.0)
FROM_ZERO: Limits = (0.0, math.inf)
_UNLISTED: Mapping[str, Limits] = {"fit": FROM_ZERO, "listening": (1.0, 5.0)}
"""Limits of the metrics of these families that are not listed here: losses in bits, ratings."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A named metric."""

    name: str
    """family/name, the same in tables, files and plots."""
    direction: Direction
    description: str
    compute: Callable[[Comparison], float] | None
    """Raises UnmeasurableError for a missing value. None: measured during training, or by another package."""
    limits: Limits = SHARE
    is_counted_share: bool = False
    """Whether it is the share of tunes, bars, notes or runs of notes with some property. Ratios of different
    to all n-grams or bars are not."""
    code: str = ""
    """What a metric of another package is computed by, for the keys of caches."""

    @property
    def family(self) -> str:
        """The part of its name before the slash."""
        return self.name.partition("/")[0]


_Arguments = Callable[[Comparison], tuple[Any, ...]]
_ARGUMENTS: Mapping[str, _Arguments] = {
    "validity": lambda c: (c.delivered, c.num_requested),
    "similarity": lambda c: (c.profile, c.corpus.profile),
    "diversity": lambda c: (c.melodies,),
    "originality": lambda c: (c.copies,),
    "structure": lambda c: (c.bars,),
}
"""Family -> what its functions take, unless a line below says otherwise."""


def _judgements(comparison: Comparison) -> tuple[Any, ...]:
    return ([tune.judgement for tune in comparison.sample],)


def _fit(name: str, description: str) -> Metric:
    return Metric(f"fit/{name}", LOWER, description, None, FROM_ZERO)


def _metric(
    function: Callable[..., float],
    direction: Direction,
    description: str,
    arguments: _Arguments | None = None,
    name: str = "",
    limits: Limits = SHARE,
) -> Metric:
    """A metric computed by a function of a family's module, and named family/function by default."""
    family = function.__module__.rpartition(".")[2]
    pick = arguments or _ARGUMENTS[family]
    full_name = f"{family}/{name or function.__name__}"
    return Metric(full_name, direction, description, lambda c: function(*pick(c)), limits)


def _share(
    function: Callable[..., float],
    direction: Direction,
    description: str,
    arguments: _Arguments | None = None,
) -> Metric:
    """The share of counted things with some property, which studies compare as a logit."""
    return replace(_metric(function, direction, description, arguments), is_counted_share=True)


def _distinct_ngrams(n: int) -> Metric:
    description = f"different / all pitch {n}-grams at a fixed note budget"
    return _metric(
        diversity.distinct_ngrams,
        CORPUS,
        description,
        lambda c: (c.melodies, n, c.note_budget),
        name=f"distinct_{n}",
    )


_ALL = (
    _fit("train_loss", "mean −ln p per character of the training tunes, in nats"),
    _fit("validation_loss", "mean −ln p per character of the validation tunes, in nats, at its best"),
    _fit("final_validation_loss", "validation loss at the last iteration, in nats per character"),
    _fit("test_loss", "mean −ln p per character of the test tunes, in nats"),
    _share(validity.complete_rate, HIGHER, "tunes with X:, K:, a body and an end within the cap / requested"),
    _share(validity.parse_rate, HIGHER, "tunes that abc2midi reads without an error / requested"),
    _share(
        validity.bar_rate, HIGHER, "share of bars whose durations fill the meter", lambda c: (c.delivered,)
    ),
    _share(validity.tune_rate, HIGHER, "tunes whose bars all fill the meter / requested"),
    _share(validity.ended_rate, HIGHER, "tunes that came to their end, not inside a bar / requested"),
    _share(
        validity.loop_rate, LOWER, "tunes that state a period of 1 to 16 bars 4 times in a row / requested"
    ),
    _share(validity.whole_rate, HIGHER, "tunes that ended, with right bars and no loop / requested"),
    _share(validity.sound_rate, HIGHER, "tunes with right bars, an end on the tonic and no loop / requested"),
    _share(
        validity.strict_sound_rate, HIGHER, "sound tunes whose section ends all fit their pickups / requested"
    ),
    _metric(similarity.note_divergence, LOWER, "Jensen–Shannon divergence of pitches"),
    _metric(
        similarity.pitch_class_divergence, LOWER, "Jensen–Shannon divergence of pitch classes above the tonic"
    ),
    _metric(similarity.interval_divergence, LOWER, "Jensen–Shannon divergence of intervals, up to an octave"),
    _metric(similarity.duration_divergence, LOWER, "Jensen–Shannon divergence of durations"),
    _metric(
        similarity.transition_divergence, LOWER, "Jensen–Shannon divergence of pairs of successive pitches"
    ),
    _metric(
        similarity.transition_matrix_divergence,
        LOWER,
        "Jensen–Shannon divergence of transition matrix rows, weighted by the corpus",
    ),
    _metric(
        similarity.two_sample_auc,
        CORPUS,
        "how well a classifier of short note patterns spots the tunes among real ones; 0.5: not at all",
        lambda c: (c.melodies, c.corpus.held_out_melodies, c.seed),
    ),
    _metric(
        similarity.musical_auc,
        CORPUS,
        "how well a classifier that hears form, endings, key and rhythm spots the tunes; 0.5: not at all",
        lambda c: (c.sample, c.corpus.held_out, c.seed),
    ),
    _metric(
        similarity.note_count_distance, LOWER, "Wasserstein distance of notes per tune", limits=FROM_ZERO
    ),
    _metric(
        similarity.range_distance, LOWER, "Wasserstein distance of ranges, in semitones", limits=FROM_ZERO
    ),
    _metric(
        similarity.mean_interval_distance,
        LOWER,
        "Wasserstein distance of mean interval sizes, in semitones",
        limits=FROM_ZERO,
    ),
    _metric(
        diversity.pitch_class_entropy,
        CORPUS,
        "entropy of a tune's pitch classes, in bits",
        limits=(0, math.log2(12)),
    ),
    _metric(diversity.pitches_used, CORPUS, "different pitches of a tune", limits=(1, 128)),
    _metric(
        diversity.pitch_range, CORPUS, "highest minus lowest pitch of a tune, in semitones", limits=(0, 127)
    ),
    *map(_distinct_ngrams, (2, 4, 8)),
    _share(
        diversity.unique_tunes,
        HIGHER,
        "different / all tunes",
        lambda c: ([tune.identity for tune in c.sample],),
    ),
    _metric(
        diversity.pair_distance,
        CORPUS,
        "mean edit distance of two tunes' interval strings, by length",
        lambda c: (c.pair_distances,),
    ),
    _metric(
        originality.longest_copy,
        CORPUS,
        "longest run of pitches found in a training tune, median, in notes",
        limits=FROM_ZERO,
    ),
    _share(
        originality.copied_share,
        LOWER,
        "share of notes inside a copy of 16 or more, pitch and duration as written",
    ),
    _share(originality.novelty_8, CORPUS, "share of pitch 8-grams that no training tune has"),
    _metric(
        originality.longest_transposed_copy,
        CORPUS,
        "longest run of pitches found in any key, median, in notes",
        limits=FROM_ZERO,
    ),
    _share(
        originality.transposed_copied_share, LOWER, "share of notes inside a copy of 16 or more in any key"
    ),
    _share(structure.lag_repeat, CORPUS, "share of a tune's bars equal to the one 4, 8, 12 or 16 before"),
    _metric(structure.distinct_bars, CORPUS, "different / all bars of a tune"),
    _metric(
        structure.zip_ratio,
        CORPUS,
        "compressed size of a tune / of its notes shuffled",
        lambda c: (c.zip_ratios,),
        limits=FROM_ZERO,
    ),
    _share(structure.tonic_ending, CORPUS, "share of tunes that end on the tonic", _judgements),
    _share(
        structure.section_tonic_endings,
        CORPUS,
        "share of a tune's sections that end on the tonic",
        _judgements,
    ),
    _share(
        structure.section_ends_that_fit,
        HIGHER,
        "share of a tune's sections whose last bar is full, or short by the pickup that follows",
        _judgements,
    ),
    _share(
        structure.form,
        CORPUS,
        "tunes of two sections or more, all of 8 or 16 bars / requested",
        lambda c: ([tune.judgement for tune in c.delivered], c.num_requested),
    ),
    _share(
        structure.downbeat_triad,
        CORPUS,
        "share of a tune's bars that begin on the 1st, 3rd or 5th of the key",
        _judgements,
    ),
    _share(structure.key_found, CORPUS, "share of tunes whose notes suggest the tonic of K:", _judgements),
    _metric(structure.commonest_rhythm, CORPUS, "share of the commonest bar rhythm in a tune", _judgements),
)

METRICS = {metric.name: metric for metric in _ALL}
"""All metrics by name, in the order of tables; at the end those of other packages that are declared."""
FAMILIES = (*dict.fromkeys(metric.family for metric in _ALL), "listening")
"""The families of built-in metrics."""

_WORDS = {
    "similarity/two_sample_auc": "two-sample AUC",
    "similarity/musical_auc": "musical AUC",
    **{f"diversity/distinct_{n}": f"distinct {n}-grams" for n in (2, 4, 8)},
}
"""Names whose words do not follow from their letters."""

HEADLINE = (
    "fit/validation_loss",
    "validity/sound_rate",
    "validity/ended_rate",
    "validity/loop_rate",
    "structure/section_tonic_endings",
    "structure/lag_repeat",
    "similarity/musical_auc",
    "originality/copied_share",
)
"""The eight metrics of every summary table. Divergences are not among them: junk can score well on one."""

_ROUNDING = 1e-9


def declare(metric: Metric) -> None:
    """Let tables, figures and verdicts of this process know a metric of another package, or of a record."""
    METRICS[metric.name] = metric


def summary_metrics(first: Sequence[str] = HEADLINE) -> list[str]:
    """The metrics of summary tables: these, and all that other packages declared."""
    declared = [metric.name for metric in METRICS.values() if metric.family not in FAMILIES]
    return list(dict.fromkeys([*first, *declared]))


def limits_of(name: str) -> Limits:
    """Lowest and highest possible value of a metric; infinite for one that nothing is known about."""
    if name in METRICS:
        return METRICS[name].limits
    return _UNLISTED.get(name.partition("/")[0], (-math.inf, math.inf))


def metric_words(name: str) -> str:
    """A metric's name as words inside a sentence: "tune rate" for validity/tune_rate."""
    return _WORDS.get(name) or name.rpartition("/")[2].replace("_", " ")


def measure(
    comparison: Comparison, left_out: Container[str] = ()
) -> tuple[dict[str, float | None], dict[str, str]]:
    """All metrics except the fit family and `left_out`: name -> value, and name -> reason for each None.

    Those of other packages are the ones that the comparison names.
    """
    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric in (*METRICS.values(), *comparison.outside):
        if metric.compute is None or metric.name in left_out:
            continue
        try:
            value = float(metric.compute(comparison))
        except UnmeasurableError as error:
            metrics[metric.name], reasons[metric.name] = None, str(error)
            continue
        lowest, highest = metric.limits
        assert math.isfinite(value), f"{metric.name} is {value}"
        assert lowest - _ROUNDING <= value <= highest + _ROUNDING, (
            f"{metric.name} is {value}, outside {lowest:g} to {highest:g}"
        )
        metrics[metric.name] = value
    return metrics, reasons
