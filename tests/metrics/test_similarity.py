import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from musicgen.metrics import similarity
from musicgen.metrics.profile import Profile
from musicgen.metrics.tunes import UnmeasurableError, read_tunes
from musicgen.notation.melodies import Melody
from tests.metrics.faulty_tunes import off_its_tonic
from tests.metrics.made_tunes import melodies_of, profile_of, random_melodies, tunes_of

DIVERGENCES = (
    similarity.note_divergence,
    similarity.pitch_class_divergence,
    similarity.interval_divergence,
    similarity.duration_divergence,
    similarity.transition_divergence,
    similarity.transition_matrix_divergence,
)
DISTANCES = (similarity.note_count_distance, similarity.range_distance, similarity.mean_interval_distance)


@given(random_melodies, random_melodies)
@settings(max_examples=60, deadline=None)
def test_all_are_bounded_and_ignore_the_order_of_tunes(ours: list[Melody], theirs: list[Melody]) -> None:
    for function in (*DIVERGENCES, *DISTANCES):
        try:
            value = function(Profile.of(ours), Profile.of(theirs))
        except UnmeasurableError:
            continue
        assert value >= 0 and (value <= 1 + 1e-9 or function in DISTANCES)
        backwards = function(Profile.of(ours[::-1]), Profile.of(theirs[::-1]))
        assert backwards == pytest.approx(value, abs=1e-9)
        assert function(Profile.of(theirs), Profile.of(theirs)) == pytest.approx(0, abs=1e-9)


def test_transposing_keeps_relative_pitch_classes() -> None:
    tunes = read_tunes(["X:1\nM:4/4\nK:C\nCDEC|", "X:1\nM:4/4\nK:D\nDEFD|"])
    pair = [Profile.of([tune.melody]) for tune in tunes]
    assert similarity.pitch_class_divergence(*pair) == 0
    assert similarity.interval_divergence(*pair) == 0
    assert similarity.note_divergence(*pair) > 0.25


@pytest.mark.parametrize(("ours", "theirs"), [("C|", "CD|"), ("CD|", "C|")])
def test_a_matrix_needs_two_notes_on_both_sides(ours: str, theirs: str) -> None:
    with pytest.raises(UnmeasurableError, match="no two successive notes"):
        similarity.transition_matrix_divergence(profile_of(ours), profile_of(theirs))


def test_rows_are_weighted_by_the_corpus() -> None:
    # One of the corpus's five transitions leaves D; only that row differs.
    corpus = profile_of("CCCCDE|")
    assert similarity.transition_matrix_divergence(profile_of("CCCCD|"), profile_of("CCCCD|")) == 0
    for ours in (profile_of("CCCCDC|", "DC|"), profile_of("CCCCD|")):
        assert similarity.transition_matrix_divergence(ours, corpus) == pytest.approx(1 / 5)


def test_rows_are_compared_as_shares() -> None:
    # From C to D half of the time, and always.
    row_of_c = similarity.transition_matrix_divergence(profile_of("CD|", "CE|"), profile_of("CD|"))
    assert row_of_c == pytest.approx(1 - 0.75 * math.log2(3) + 0.5)
    # Three of the corpus's four transitions leave C; the other one always goes from D to C.
    ours, corpus = profile_of("CDCECDCE|"), profile_of("CDCD|", "CD|")
    assert similarity.transition_matrix_divergence(ours, corpus) == pytest.approx(row_of_c * 3 / 4)


def test_scalar_distances() -> None:
    assert similarity.note_count_distance(profile_of("CD|"), profile_of("CDEF|")) == 2
    assert similarity.range_distance(profile_of("CC|"), profile_of("Cc|")) == 12
    assert similarity.mean_interval_distance(profile_of("CDE|"), profile_of("Ccc|")) == 4


def test_auc_separates_scales_from_arpeggios_only() -> None:
    scales = melodies_of(*["CDEF|GABc|" * (1 + number % 3) for number in range(20)])
    arpeggios = melodies_of(*["CEGc|EGCE|" * (1 + number % 3) for number in range(20)])
    assert similarity.two_sample_auc(scales, arpeggios, 0) == 1
    assert similarity.two_sample_auc(scales, scales, 0) == pytest.approx(0.5, abs=0.2)
    for ours, theirs in ((scales, arpeggios[:9]), (scales[:9], arpeggios)):
        with pytest.raises(UnmeasurableError, match="9 tunes per side, fewer than 10"):
            similarity.two_sample_auc(ours, theirs, 0)


def test_auc_subsamples_the_larger_side_with_the_seed() -> None:
    rng = np.random.default_rng(0)
    low, high = (
        [Melody(rng.integers(start, start + 12, 30), np.ones(30, np.int64), 0) for _ in range(25)]
        for start in (50, 62)
    )
    assert similarity.two_sample_auc(low[:10], high, 0) > 0.9
    mixed = [*low[10:18], *high[:17]]
    assert similarity.two_sample_auc(low[:10], mixed, 1) == similarity.two_sample_auc(low[:10], mixed, 1)
    assert len({similarity.two_sample_auc(low[:10], mixed, seed) for seed in range(5)}) > 1


def test_auc_sees_intervals_in_any_key() -> None:
    """Semitones against whole tones, at random pitches and with random tonics."""
    rng = np.random.default_rng(0)
    ours, theirs = (
        [
            Melody(start + np.tile([0, step], 20), np.ones(40, np.int64), int(tonic))
            for start, tonic in zip(rng.integers(40, 90, 20), rng.integers(0, 12, 20), strict=True)
        ]
        for step in (1, 2)
    )
    assert similarity.two_sample_auc(ours, theirs, 0) > 0.95


@pytest.mark.parametrize(
    ("change", "is_seen"),
    [
        ({"tonic": 7}, True),
        ({"durations": np.full(30, 2)}, True),
        ({"pitches": np.tile([60, 62], 15)}, True),
        ({}, False),
    ],
)
def test_auc_sees_keys_durations_and_pitches(change: dict[str, Any], is_seen: bool) -> None:
    rng = np.random.default_rng(0)
    orders = [rng.permutation(np.tile([60, 64, 67], 10)) for _ in range(40)]
    ours, theirs = (
        [replace(Melody(order, np.ones(30, np.int64), 0), **more) for order in part]
        for part, more in ((orders[:20], change), (orders[20:], {}))
    )
    auc = similarity.two_sample_auc(ours, theirs, 0)
    assert auc == 1 if is_seen else 0.2 < auc < 0.8


def test_musical_auc_hears_what_runs_of_notes_do_not(oneills: list[str]) -> None:
    ours, theirs = read_tunes(oneills[:60]), read_tunes(oneills[60:120])
    ends = read_tunes([off_its_tonic(tune.text) for tune in ours])
    same, changed = (similarity.musical_auc(tunes, theirs, 0) for tunes in (ours, ends))
    assert 0.3 < same < 0.7 and changed > 0.85
    assert changed == similarity.musical_auc(ends, theirs, 0)
    ours_alone, theirs_alone = ([tune.melody for tune in side] for side in (ends, theirs))
    assert similarity.two_sample_auc(ours_alone, theirs_alone, 0) < 0.7
    with pytest.raises(UnmeasurableError, match="9 tunes per side, fewer than 10"):
        similarity.musical_auc(ours[:9], theirs, 0)


def test_musical_auc_takes_tunes_without_music() -> None:
    empty, real = read_tunes(["X:1\nK:C\n"] * 12), tunes_of(*["CDEF|GABc|"] * 12)
    assert similarity.musical_auc(empty, real, 0) == 1
