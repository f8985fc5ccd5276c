"""Every metric by name: its family, which way is better, one line for the reader, and how to compute it.

A new metric is a function in its family's module and one line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from musicgen.metrics import diversity, originality, similarity, structure, validity
from musicgen.metrics.comparison import Comparison

DEFINITION_VERSION = 2
"""Goes up whenever a value would change for the same tunes: references computed before are computed anew."""


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    CORPUS = "corpus"
    """As near as possible to the value of held-out corpus tunes."""


ARROWS = {Direction.HIGHER: "↑", Direction.LOWER: "↓", Direction.CORPUS: "→ corpus"}
"""The directions as tables and figures show them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A named metric."""

    name: str
    """family/name, the same in tables, files and plots."""
    direction: Direction
    description: str
    compute: Callable[[Comparison], float] | None
    """Raises UnmeasurableError with the reason where there is no value. None: measured by the training."""

    @property
    def family(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition("/")[0]


HIGHER, LOWER, CORPUS = Direction.HIGHER, Direction.LOWER, Direction.CORPUS


def _versus_training(function: Callable[..., float]) -> Callable[[Comparison], float]:
    return lambda c: function(c.profile, c.corpus.profile)


def _distinct(n: int) -> Callable[[Comparison], float]:
    return lambda c: diversity.distinct_ngrams(c.melodies, n, c.note_budget)


_ALL = (
    Metric("fit/train_loss", LOWER, "mean −ln p per character of the training tunes, in nats", None),
    Metric(
        "fit/validation_loss",
        LOWER,
        "mean −ln p per character of the validation tunes, in nats, at its best",
        None,
    ),
    Metric(
        "fit/final_validation_loss",
        LOWER,
        "validation loss at the last iteration, in nats per character",
        None,
    ),
    Metric("fit/test_loss", LOWER, "mean −ln p per character of the test tunes, in nats", None),
    Metric(
        "validity/complete_rate",
        HIGHER,
        "tunes with X:, K:, a body and an end within the cap / requested",
        lambda c: validity.complete_rate(c.delivered, c.num_requested),
    ),
    Metric(
        "validity/parse_rate",
        HIGHER,
        "tunes that abc2midi reads without an error / requested",
        lambda c: validity.parse_rate(c.delivered, c.num_requested),
    ),
    Metric(
        "validity/bar_rate",
        HIGHER,
        "share of bars whose durations fill the meter",
        lambda c: validity.bar_rate(c.delivered),
    ),
    Metric(
        "validity/tune_rate",
        HIGHER,
        "tunes whose bars all fill the meter / requested",
        lambda c: validity.tune_rate(c.delivered, c.num_requested),
    ),
    Metric(
        "similarity/note_divergence",
        LOWER,
        "Jensen–Shannon divergence of pitches",
        _versus_training(similarity.note_divergence),
    ),
    Metric(
        "similarity/pitch_class_divergence",
        LOWER,
        "the same of pitch classes counted from the tonic",
        _versus_training(similarity.pitch_class_divergence),
    ),
    Metric(
        "similarity/interval_divergence",
        LOWER,
        "the same of steps between notes, within an octave",
        _versus_training(similarity.interval_divergence),
    ),
    Metric(
        "similarity/duration_divergence",
        LOWER,
        "the same of durations",
        _versus_training(similarity.duration_divergence),
    ),
    Metric(
        "similarity/transition_divergence",
        LOWER,
        "Jensen–Shannon divergence of pairs of successive pitches",
        _versus_training(similarity.transition_divergence),
    ),
    Metric(
        "similarity/transition_matrix_divergence",
        LOWER,
        "the same of transition matrix rows, weighted by the corpus",
        _versus_training(similarity.transition_matrix_divergence),
    ),
    Metric(
        "similarity/two_sample_auc",
        CORPUS,
        "how well a classifier tells the tunes from held-out ones; 0.5 is not at all",
        lambda c: similarity.two_sample_auc(c.melodies, c.corpus.held_out_melodies, c.seed),
    ),
    Metric(
        "similarity/note_count_distance",
        LOWER,
        "Wasserstein distance of notes per tune",
        _versus_training(similarity.note_count_distance),
    ),
    Metric(
        "similarity/range_distance",
        LOWER,
        "Wasserstein distance of ranges, in semitones",
        _versus_training(similarity.range_distance),
    ),
    Metric(
        "similarity/mean_interval_distance",
        LOWER,
        "Wasserstein distance of mean step sizes, in semitones",
        _versus_training(similarity.mean_interval_distance),
    ),
    Metric(
        "diversity/pitch_class_entropy",
        CORPUS,
        "entropy of a tune's pitch classes, in bits",
        lambda c: diversity.pitch_class_entropy(c.melodies),
    ),
    Metric(
        "diversity/pitches_used",
        CORPUS,
        "different pitches of a tune",
        lambda c: diversity.pitches_used(c.melodies),
    ),
    Metric(
        "diversity/pitch_range",
        CORPUS,
        "highest less lowest pitch of a tune, in semitones",
        lambda c: diversity.pitch_range(c.melodies),
    ),
    Metric(
        "diversity/distinct_2", CORPUS, "different / all pitch 2-grams at a fixed note budget", _distinct(2)
    ),
    Metric(
        "diversity/distinct_4", CORPUS, "different / all pitch 4-grams at a fixed note budget", _distinct(4)
    ),
    Metric(
        "diversity/distinct_8", CORPUS, "different / all pitch 8-grams at a fixed note budget", _distinct(8)
    ),
    Metric(
        "diversity/unique_tunes",
        HIGHER,
        "different / all tunes",
        lambda c: diversity.unique_tunes([tune.identity for tune in c.sample]),
    ),
    Metric(
        "diversity/pair_distance",
        CORPUS,
        "mean edit distance of two tunes' interval strings, by length",
        lambda c: diversity.pair_distance(c.pair_distances),
    ),
    Metric(
        "originality/longest_copy",
        CORPUS,
        "longest run of pitches found in a training tune, median, in notes",
        lambda c: originality.longest_copy(c.copies),
    ),
    Metric(
        "originality/copied_share",
        LOWER,
        "share of notes inside a copy of 16 or more, pitch and duration as written",
        lambda c: originality.copied_share(c.copies),
    ),
    Metric(
        "originality/novelty_8",
        CORPUS,
        "share of pitch 8-grams that no training tune has",
        lambda c: originality.novelty(c.copies),
    ),
    Metric(
        "originality/longest_transposed_copy",
        CORPUS,
        "longest run of pitches found in any key, median, in notes",
        lambda c: originality.longest_transposed_copy(c.copies),
    ),
    Metric(
        "originality/transposed_copied_share",
        LOWER,
        "share of notes inside a copy of 16 or more in any key",
        lambda c: originality.transposed_copied_share(c.copies),
    ),
    Metric(
        "structure/lag_repeat",
        CORPUS,
        "share of bars equal to the one 4, 8, 12 or 16 bars before",
        lambda c: structure.lag_repeat(c.bars),
    ),
    Metric(
        "structure/distinct_bars",
        CORPUS,
        "different / all bars of a tune",
        lambda c: structure.distinct_bars(c.bars),
    ),
    Metric(
        "structure/zip_ratio",
        CORPUS,
        "compressed size of a tune / of its notes shuffled",
        lambda c: structure.zip_ratio(c.zip_ratios),
    ),
    Metric(
        "structure/tonic_ending",
        CORPUS,
        "share of tunes that end on the tonic",
        lambda c: structure.tonic_ending(c.melodies),
    ),
)

METRICS = {metric.name: metric for metric in _ALL}
"""All of them by name, in the order of tables."""

HEADLINE = (
    "fit/validation_loss",
    "validity/tune_rate",
    "validity/bar_rate",
    "similarity/transition_divergence",
    "similarity/two_sample_auc",
    "diversity/distinct_4",
    "originality/copied_share",
    "structure/lag_repeat",
)
"""The eight of every table. No divergence stands alone: junk does well on them."""
