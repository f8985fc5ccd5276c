"""Each name is bound to its own function and its own part of a comparison."""

import math
from pathlib import Path

import numpy as np
import pytest

from musicgen.metrics import diversity, originality, similarity, structure, validity
from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.registry import ARROWS, METRICS, SHARE, Direction, limits_of, metric_words
from musicgen.metrics.tunes import read_corpus, read_tunes
from musicgen.records.runs import read_rows
from tests.metrics.made_tunes import HEADER

FAULTY = [
    HEADER + body
    for body in ("CDEF|GABc|" * 5 + "E4|]", "G|CDEF|C2:|G|EDCD|C3|]", "^C^D^E^F|D4|EF", "cG|F4|]")
]
"""A loop, an end that does not fit its pickup, a cut-off tune, and one that ends off its tonic."""


@pytest.fixture(scope="module")
def comparison(oneills: list[str]) -> Comparison:
    """34 of 40 requested tunes; one reached the cap and one has no bars."""
    texts = [*oneills[:28], oneills[28][:-9], "X:1\nK:C\n", *FAULTY]
    ended = [True] * 28 + [False] + [True] * 5
    delivered = tuple(read_tunes(texts, ended=ended, runs_abc2midi=True))
    corpus = Corpus.of(read_corpus(oneills[60:120]), read_corpus(oneills[20:50]))
    return Comparison(delivered, 40, corpus, sample_size=24, note_budget=700, seed=3)


def test_every_name_is_bound_to_its_function(comparison: Comparison) -> None:
    c = comparison
    ours, theirs = c.profile, c.corpus.profile
    judged = [tune.judgement for tune in c.sample]
    expected = {
        "validity/complete_rate": validity.complete_rate(c.delivered, 40),
        "validity/parse_rate": validity.parse_rate(c.delivered, 40),
        "validity/bar_rate": validity.bar_rate(c.delivered),
        "validity/tune_rate": validity.tune_rate(c.delivered, 40),
        "validity/ended_rate": validity.ended_rate(c.delivered, 40),
        "validity/loop_rate": validity.loop_rate(c.delivered, 40),
        "validity/whole_rate": validity.whole_rate(c.delivered, 40),
        "validity/sound_rate": validity.sound_rate(c.delivered, 40),
        "validity/strict_sound_rate": validity.strict_sound_rate(c.delivered, 40),
        "similarity/note_divergence": similarity.note_divergence(ours, theirs),
        "similarity/pitch_class_divergence": similarity.pitch_class_divergence(ours, theirs),
        "similarity/interval_divergence": similarity.interval_divergence(ours, theirs),
        "similarity/duration_divergence": similarity.duration_divergence(ours, theirs),
        "similarity/transition_divergence": similarity.transition_divergence(ours, theirs),
        "similarity/transition_matrix_divergence": similarity.transition_matrix_divergence(ours, theirs),
        "similarity/two_sample_auc": similarity.two_sample_auc(c.melodies, c.corpus.held_out_melodies, 3),
        "similarity/musical_auc": similarity.musical_auc(c.sample, c.corpus.held_out, 3),
        "similarity/note_count_distance": similarity.note_count_distance(ours, theirs),
        "similarity/range_distance": similarity.range_distance(ours, theirs),
        "similarity/mean_interval_distance": similarity.mean_interval_distance(ours, theirs),
        "diversity/pitch_class_entropy": diversity.pitch_class_entropy(c.melodies),
        "diversity/pitches_used": diversity.pitches_used(c.melodies),
        "diversity/pitch_range": diversity.pitch_range(c.melodies),
        "diversity/distinct_2": diversity.distinct_ngrams(c.melodies, 2, 700),
        "diversity/distinct_4": diversity.distinct_ngrams(c.melodies, 4, 700),
        "diversity/distinct_8": diversity.distinct_ngrams(c.melodies, 8, 700),
        "diversity/unique_tunes": 1.0,
        "diversity/pair_distance": diversity.pair_distance(diversity.pair_distances(c.melodies)),
        "originality/longest_copy": originality.longest_copy(c.copies),
        "originality/copied_share": originality.copied_share(c.copies),
        "originality/novelty_8": originality.novelty_8(c.copies),
        "originality/longest_transposed_copy": originality.longest_transposed_copy(c.copies),
        "originality/transposed_copied_share": originality.transposed_copied_share(c.copies),
        "structure/lag_repeat": structure.lag_repeat(c.bars),
        "structure/distinct_bars": structure.distinct_bars(c.bars),
        "structure/zip_ratio": structure.zip_ratio(structure.zip_ratios(c.melodies, 3)),
        "structure/tonic_ending": structure.tonic_ending(judged),
        "structure/section_tonic_endings": structure.section_tonic_endings(judged),
        "structure/section_ends_that_fit": structure.section_ends_that_fit(judged),
        "structure/form": structure.form([tune.judgement for tune in c.delivered], 40),
        "structure/downbeat_triad": structure.downbeat_triad(judged),
        "structure/key_found": structure.key_found(judged),
        "structure/commonest_rhythm": structure.commonest_rhythm(judged),
    }
    found = {name: metric.compute(c) for name, metric in METRICS.items() if metric.compute is not None}
    assert found == pytest.approx(expected)
    # Almost all values differ, so that a mix-up is detected.
    assert len(np.unique(list(found.values()))) >= len(found) - 3


def test_fit_metrics_are_measured_in_training() -> None:
    fit = [metric for metric in METRICS.values() if metric.compute is None]
    names = ["train_loss", "validation_loss", "final_validation_loss", "test_loss"]
    assert [metric.name for metric in fit] == [f"fit/{name}" for name in names]
    assert {(metric.family, metric.direction) for metric in fit} == {("fit", Direction.LOWER)}


def test_each_direction_has_an_arrow() -> None:
    assert ARROWS == {"higher": "↑", "lower": "↓", "corpus": "→ corpus"}


def test_limits_are_those_of_the_formulas() -> None:
    assert {name: metric.limits for name, metric in METRICS.items() if metric.limits != SHARE} == {
        "fit/train_loss": (0, math.inf),
        "fit/validation_loss": (0, math.inf),
        "fit/final_validation_loss": (0, math.inf),
        "fit/test_loss": (0, math.inf),
        "similarity/note_count_distance": (0, math.inf),
        "similarity/range_distance": (0, math.inf),
        "similarity/mean_interval_distance": (0, math.inf),
        "diversity/pitch_class_entropy": (0, pytest.approx(3.585, abs=1e-3)),
        "diversity/pitches_used": (1, 128),
        "diversity/pitch_range": (0, 127),
        "originality/longest_copy": (0, math.inf),
        "originality/longest_transposed_copy": (0, math.inf),
        "structure/zip_ratio": (0, math.inf),
    }


def test_counted_shares_are_from_0_to_1() -> None:
    shares = {metric.name: metric.limits for metric in METRICS.values() if metric.is_counted_share}
    assert set(shares.values()) == {SHARE}
    assert {name for name in METRICS if name.startswith("validity/")} <= set(shares)
    assert not {"diversity/distinct_8", "structure/distinct_bars", "similarity/musical_auc"} & set(shares)


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("validity/sound_rate", (0, 1)),
        ("fit/validation_loss_bits", (0, math.inf)),
        ("listening/musicality", (1, 5)),
        ("mine/thing", (-math.inf, math.inf)),
    ],
)
def test_every_name_has_limits(name: str, limits: tuple[float, float]) -> None:
    assert limits_of(name) == limits


def test_committed_studies_are_within_the_limits() -> None:
    found: dict[str, list[float]] = {}
    for table in (Path(__file__).parents[2] / "experiments").glob("*/runs.csv"):
        for row in read_rows(table):
            for name in METRICS.keys() & row.keys():
                found.setdefault(name, []).extend(float(text) for text in [row[name]] if text)
    assert len(found) == len(METRICS)
    for name, values in found.items():
        lowest, highest = METRICS[name].limits
        assert lowest <= min(values) <= max(values) <= highest, name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("validity/sound_rate", "sound rate"),
        ("fit/validation_loss", "validation loss"),
        ("similarity/musical_auc", "musical AUC"),
        ("similarity/two_sample_auc", "two-sample AUC"),
        ("diversity/distinct_4", "distinct 4-grams"),
        ("rating/liking", "liking"),
    ],
)
def test_metrics_are_worded_as_people_say_them(name: str, words: str) -> None:
    assert metric_words(name) == words
