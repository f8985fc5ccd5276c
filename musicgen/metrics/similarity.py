"""Similarity: do the generated tunes have the statistics of the corpus?

Divergences are Jensen–Shannon, base 2, in [0, 1]. Lower is better, down to the value of held-out corpus
tunes, which is not 0 in a finite sample. None of them separates music from junk: shuffled notes have the
pitches of real tunes, and a character 5-gram model, which rarely fills a bar, can match the durations of the
corpus better than real tunes. All functions raise UnmeasurableError if one of the two sets of tunes has
nothing to count.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.splits import near_duplicate_groups
from musicgen.metrics.classifier import NUM_FOLDS, boosted_auc, cross_validated_auc, folds_of
from musicgen.metrics.distributions import divergence, jensen_shannon, wasserstein
from musicgen.metrics.profile import MAX_INTERVAL, Notes, Profile
from musicgen.metrics.tunes import Tune, UnmeasurableError
from musicgen.notation.melodies import Integers, Melody

_NEAR_DUPLICATE_SHARE = 0.5
"""As `data.near_duplicate_share`: the share of runs of notes that near-duplicates have in common."""
T = TypeVar("T")
_DURATION_BITS = 4
_NGRAM_BITS = 10
_MAX_HASHED_NGRAM = 4


def note_divergence(ours: Profile, theirs: Profile) -> float:
    """Divergence of the pitches of all notes."""
    return divergence(ours.pitches, theirs.pitches)


def pitch_class_divergence(ours: Profile, theirs: Profile) -> float:
    """Divergence of pitch classes relative to the tonic of K:, so independent of the key."""
    return divergence(ours.relative_pitch_classes, theirs.relative_pitch_classes)


def interval_divergence(ours: Profile, theirs: Profile) -> float:
    """Divergence of the intervals from note to note in semitones, clipped to an octave."""
    return divergence(ours.intervals, theirs.intervals)


def duration_divergence(ours: Profile, theirs: Profile) -> float:
    """Divergence of written durations."""
    return divergence(ours.durations, theirs.durations)


def transition_divergence(ours: Profile, theirs: Profile) -> float:
    """Divergence of pairs of successive pitches."""
    return divergence(ours.transitions, theirs.transitions)


def transition_matrix_divergence(ours: Profile, theirs: Profile) -> float:
    """Divergence of the rows of the transition matrices: Σ_a w(a) · JSD(p(· | a), q(· | a)).

    w(a) is the share of the corpus's transitions that start at pitch a. A row that only the corpus has counts
    1; a row that the corpus lacks has no weight.
    """
    p, q = ours.transition_matrix(), theirs.transition_matrix()
    if not p.sum() or not q.sum():
        raise UnmeasurableError("no two successive notes in one of the two sets of tunes")
    weights = q.sum(axis=1) / q.sum()
    return sum(
        float(weights[row])
        * (jensen_shannon(p[row] / p[row].sum(), q[row] / q[row].sum()) if p[row].any() else 1.0)
        for row in np.flatnonzero(weights)
    )


def note_count_distance(ours: Profile, theirs: Profile) -> float:
    """Wasserstein distance of the number of notes per tune, in notes."""
    return wasserstein(ours.num_notes, theirs.num_notes)


def range_distance(ours: Profile, theirs: Profile) -> float:
    """Wasserstein distance of the range (highest minus lowest pitch) per tune, in semitones."""
    return wasserstein(ours.ranges, theirs.ranges)


def mean_interval_distance(ours: Profile, theirs: Profile) -> float:
    """Wasserstein distance of the mean interval size per tune, in semitones; ignores tunes of one note."""
    return wasserstein(ours.mean_intervals, theirs.mean_intervals)


def two_sample_auc(ours: Sequence[Melody], held_out: Sequence[Melody], seed: int) -> float:
    """How well a classifier separates the tunes from held-out ones: area under the ROC curve; 0.5 is ideal.

    Five-fold cross-validated logistic regression on the shares of relative pitch classes, intervals,
    durations and hashed pitch 1- to 4-grams of each tune. The larger set is subsampled with the seed. Source:
    Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, 2017. Raises UnmeasurableError for fewer than
    ten tunes per side.
    """
    chosen, is_ours, _ = _equal_sides(ours, held_out, seed)
    folds = np.tile(np.arange(len(chosen) // 2) % NUM_FOLDS, 2)
    return cross_validated_auc(_features(chosen), is_ours, folds)


def musical_auc(ours: Sequence[Tune], held_out: Sequence[Tune], seed: int) -> float:
    """How well a classifier that hears music separates the tunes from held-out ones: AUC; 0.5 is ideal.

    Five-fold cross-validated gradient boosting on the form, endings, bars, rhythm, tonality and contour of
    each tune (`features.py`). Near-duplicates share a fold, or a tune would be recognised by its twin. The
    larger set is subsampled with the seed. Raises UnmeasurableError for fewer than ten tunes per side.
    """
    chosen, is_ours, rng = _equal_sides(ours, held_out, seed)
    groups = near_duplicate_groups([tune.melody.pitches for tune in chosen], _NEAR_DUPLICATE_SHARE)
    features = np.array([tune.features for tune in chosen])
    return boosted_auc(features, is_ours, folds_of(groups, is_ours, rng), seed)


def _equal_sides(
    ours: Sequence[T], held_out: Sequence[T], seed: int
) -> tuple[list[T], NDArray[np.bool_], np.random.Generator]:
    """As many random tunes of each side, whether each is ours, and the generator that chose them."""
    size = min(len(ours), len(held_out))
    if size < 2 * NUM_FOLDS:
        raise UnmeasurableError(f"{size} tunes per side, fewer than {2 * NUM_FOLDS}")
    rng = np.random.default_rng(seed)
    chosen = [tunes[place] for tunes in (ours, held_out) for place in rng.permutation(len(tunes))[:size]]
    return chosen, np.arange(2 * size) < size, rng


def _features(melodies: Sequence[Melody]) -> NDArray[np.float64]:
    """Square roots of shares, so that frequent codes do not dominate; a row for each tune."""
    notes = Notes.of(melodies)
    steps, tunes_of_steps = notes.intervals()
    steps = np.clip(steps, -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    counted = [
        (notes.relative_pitch_classes, notes.tunes, 12),
        (steps, tunes_of_steps, 2 * MAX_INTERVAL + 1),
        (_hashed(notes.durations, _DURATION_BITS), notes.tunes, 2**_DURATION_BITS),
    ]
    for n in range(1, _MAX_HASHED_NGRAM + 1):
        codes, tunes = notes.ngrams(n)
        counted.append((_hashed(codes, _NGRAM_BITS), tunes, 2**_NGRAM_BITS))
    return np.hstack([np.sqrt(_shares(*one, num_tunes=len(melodies))) for one in counted])


def _shares(codes: Integers, tunes: Integers, num_codes: int, num_tunes: int) -> NDArray[np.float64]:
    """The share of each code below `num_codes` among the codes of each tune, shape (tunes, codes)."""
    counts = np.bincount(tunes * num_codes + codes, minlength=num_tunes * num_codes)
    counts = counts.reshape(num_tunes, num_codes)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _hashed(codes: Integers, bits: int) -> Integers:
    """Fibonacci hashing to numbers below 2^bits: multiplication with an odd constant near 2⁶⁴ / φ."""
    product = codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (product >> np.uint64(64 - bits)).astype(np.int64)
