"""Similarity: do the generated tunes have the statistics of the corpus?

Divergences are Jensen–Shannon, base 2, in [0, 1]: lower is better down to the value that held-out corpus
tunes have, which is not 0 in a finite sample. None of them tells music from junk: notes in a random order
have the pitches of real tunes, and a character 5-gram model, which hardly ever fills a bar, can come
nearer to the corpus' durations than real tunes do. Every function raises UnmeasurableError where one of the
two sets of tunes has nothing to count.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from musicgen.metrics.distributions import divergence, jensen_shannon, joined, pitch_ngrams
from musicgen.metrics.melody import Integers, Melody, UnmeasurableError

Melodies = Sequence[Melody]

LARGEST_INTERVAL = 12
_NUM_FOLDS = 5
_HASH_BITS = 10
_LONGEST_HASHED = 4


def note_divergence(ours: Melodies, theirs: Melodies) -> float:
    """Divergence of the pitches of all notes."""
    return _divergence(ours, theirs, lambda melody: melody.pitches)


def pitch_class_divergence(ours: Melodies, theirs: Melodies) -> float:
    """Divergence of the pitch classes counted from the tonic of K:, thus free of the key."""
    return _divergence(ours, theirs, lambda melody: (melody.pitches - melody.tonic) % 12)


def interval_divergence(ours: Melodies, theirs: Melodies) -> float:
    """Divergence of the steps from note to note in semitones; steps beyond an octave count as an octave."""
    return _divergence(ours, theirs, _clipped_intervals)


def duration_divergence(ours: Melodies, theirs: Melodies) -> float:
    """Divergence of the written durations."""
    return _divergence(ours, theirs, lambda melody: melody.durations)


def transition_divergence(ours: Melodies, theirs: Melodies) -> float:
    """Divergence of the pairs of successive pitches."""
    return _divergence(ours, theirs, lambda melody: pitch_ngrams(melody.pitches, 2))


def transition_matrix_divergence(ours: Melodies, theirs: Melodies) -> float:
    """Divergence of the rows of the two transition matrices, weighted by how often the corpus leaves the
    pitch.

    Σ_a w(a) · JSD(p(· | a), q(· | a)), w(a) the share of the corpus' transitions that start at a. A row that
    the corpus has and the tunes lack counts 1; a row that the corpus lacks has no weight.
    """
    p, q = transition_counts(ours), transition_counts(theirs)
    if not p.sum() or not q.sum():
        raise UnmeasurableError("no two successive notes in one of the two sets of tunes")
    weights = q.sum(axis=1) / q.sum()
    return sum(
        float(weights[row])
        * (jensen_shannon(p[row] / p[row].sum(), q[row] / q[row].sum()) if p[row].any() else 1.0)
        for row in np.flatnonzero(weights)
    )


def transition_counts(melodies: Melodies) -> NDArray[np.int64]:
    """How often each pitch follows each, shape (128, 128), row the first of the two."""
    pairs = joined(pitch_ngrams(melody.pitches, 2) for melody in melodies)
    return np.bincount(pairs, minlength=128 * 128).reshape(128, 128)


def note_count_distance(ours: Melodies, theirs: Melodies) -> float:
    """Wasserstein distance of the tunes' numbers of notes, in notes."""
    return _wasserstein(ours, theirs, len)


def range_distance(ours: Melodies, theirs: Melodies) -> float:
    """Wasserstein distance of the tunes' ranges, highest less lowest pitch, in semitones."""
    return _wasserstein(ours, theirs, lambda melody: float(np.ptp(melody.pitches)))


def mean_interval_distance(ours: Melodies, theirs: Melodies) -> float:
    """Wasserstein distance of the tunes' mean step sizes, in semitones; tunes of one note are left out."""
    return _wasserstein(
        [melody for melody in ours if len(melody) > 1],
        [melody for melody in theirs if len(melody) > 1],
        lambda melody: float(np.abs(melody.intervals).mean()),
    )


def two_sample_auc(ours: Melodies, held_out: Melodies, seed: int) -> float:
    """How well a classifier tells the tunes from held-out ones: area under the ROC curve, → 0.5.

    Five-fold cross-validated logistic regression on a tune's shares of relative pitch classes, intervals and
    durations and its hashed pitch 1- to 4-grams. Both sets are cut to the same number of tunes, drawn with
    the seed. Fewer than ten tunes a side: UnmeasurableError. Source: Lopez-Paz and Oquab, Revisiting
    Classifier Two-Sample Tests, 2017.
    """
    size = min(len(ours), len(held_out))
    if size < 2 * _NUM_FOLDS:
        raise UnmeasurableError(f"{size} tunes a side, fewer than {2 * _NUM_FOLDS}")
    rng = np.random.default_rng(seed)
    chosen = [tunes[place] for tunes in (ours, held_out) for place in rng.permutation(len(tunes))[:size]]
    features = np.stack([_features(melody) for melody in chosen])
    labels = np.repeat([1, 0], size)
    folds = np.concatenate([np.arange(size) % _NUM_FOLDS] * 2)
    return _cross_validated_auc(features, labels, folds)


def _divergence(ours: Melodies, theirs: Melodies, codes: Callable[[Melody], Integers]) -> float:
    return divergence(joined(map(codes, ours)), joined(map(codes, theirs)))


def _clipped_intervals(melody: Melody) -> Integers:
    return np.clip(melody.intervals, -LARGEST_INTERVAL, LARGEST_INTERVAL)


def _wasserstein(ours: Melodies, theirs: Melodies, value: Callable[[Melody], float]) -> float:
    from scipy.stats import wasserstein_distance

    if not ours or not theirs:
        raise UnmeasurableError("no tune to compare in one of the two sets")
    return float(
        wasserstein_distance([value(melody) for melody in ours], [value(melody) for melody in theirs])
    )


def _features(melody: Melody) -> NDArray[np.float64]:
    """Square roots of shares, so that the frequent ones do not drown the rest."""
    blocks = [
        np.bincount((melody.pitches - melody.tonic) % 12, minlength=12),
        np.bincount(_clipped_intervals(melody) + LARGEST_INTERVAL, minlength=2 * LARGEST_INTERVAL + 1),
        np.bincount(_hashed(melody.durations, 4), minlength=2**4),
        *(
            np.bincount(_hashed(pitch_ngrams(melody.pitches, n), _HASH_BITS), minlength=2**_HASH_BITS)
            for n in range(1, _LONGEST_HASHED + 1)
        ),
    ]
    return np.concatenate([np.sqrt(block / max(block.sum(), 1)) for block in blocks])


def _hashed(codes: Integers, bits: int) -> Integers:
    """Numbers below 2^bits, by multiplication with an odd constant near 2⁶⁴ over the golden ratio."""
    product = codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (product >> np.uint64(64 - bits)).astype(np.int64)


def _cross_validated_auc(features: NDArray[np.float64], labels: Integers, folds: Integers) -> float:
    """The AUC of each fold's decisions by a classifier that never saw the fold; mean over folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    scores = []
    for fold in range(_NUM_FOLDS):
        is_test = folds == fold
        classifier = LogisticRegression(solver="liblinear", dual=True, random_state=0, max_iter=1000)
        classifier.fit(features[~is_test], labels[~is_test])
        decisions = classifier.decision_function(features[is_test])
        scores.append(roc_auc_score(labels[is_test], decisions))
    return float(np.mean(scores))
