"""Standard errors of the jackknife against known ones."""

import time
from itertools import repeat

import numpy as np
import pytest

from musicgen.metrics.comparison import Corpus
from musicgen.metrics.evaluation import Evaluation
from musicgen.metrics.noise import LEFT_OUT, jackknife_error, sampling_noise
from musicgen.metrics.registry import METRICS, measure
from tests.metrics.made_comparisons import compared, corpus_of, scale
from tests.metrics.made_tunes import HEADER

RIGHT, WRONG = HEADER + "CDEF|GABc|]", HEADER + "CDE|GABcd|CD|]"


SCALE = scale(200, 500)


@pytest.fixture(scope="module")
def known(oneills: list[str]) -> Corpus:
    return corpus_of(oneills[60:90], oneills[:40])


def test_the_error_of_a_mean_equals_the_textbook_formula() -> None:
    numbers = np.random.default_rng(0).normal(size=10)
    without = [float(np.delete(numbers, place).mean()) for place in range(10)]
    assert jackknife_error(without) == pytest.approx(numbers.std(ddof=1) / np.sqrt(10))


def test_the_noise_of_a_rate_is_binomial(known: Corpus) -> None:
    rng = np.random.default_rng(1)
    size, chance, num_draws = 50, 0.3, 25
    errors = []
    for _ in range(num_draws):
        tunes = [RIGHT if is_right else WRONG for is_right in rng.random(size) < chance]
        errors.append(sampling_noise(compared(tunes, SCALE, known))["validity/tune_rate"])
    expected = np.sqrt(chance * (1 - chance) / size)
    # 25 variances with nine degrees of freedom have a relative error of √(2 / 225), 9 %; errors half of it.
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(expected, rel=0.12)


def test_the_noise_equals_the_spread_of_repeated_draws(oneills: list[str], known: Corpus) -> None:
    """A metric per tune, a distribution, and n-grams at a note budget, over samples of real tunes."""
    rng = np.random.default_rng(2)
    names = (
        "diversity/pitch_range",
        "diversity/distinct_2",
        "diversity/pair_distance",
        "originality/novelty_8",
        "structure/lag_repeat",
        "structure/zip_ratio",
    )
    values, errors = [], []
    for _ in range(14):
        tunes = [oneills[place] for place in rng.integers(160, 300, 40)]
        comparison = compared(tunes, SCALE, known)
        # The classifiers have no sampling noise, and take most of the time.
        metrics, _ = measure(comparison, LEFT_OUT)
        values.append([metrics[name] for name in names])
        noise = sampling_noise(comparison)
        errors.append([noise[name] for name in names])
    found = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(values, axis=0, ddof=1)
    # The spread of 14 draws has a relative error of a fifth; the jackknife is biased upwards (Efron, Stein
    # 1981).
    assert (found > 0.5).all() and (found < 2).all(), dict(zip(names, found, strict=True))


def test_metrics_without_a_value_for_some_group_are_omitted(oneills: list[str], known: Corpus) -> None:
    def noise_of(tunes: list[str]) -> dict[str, float]:
        return sampling_noise(compared(tunes, SCALE, known))

    noise = noise_of(oneills[:30])
    assert set(noise) <= {name for name, metric in METRICS.items() if metric.compute is not None}
    assert "validity/parse_rate" not in noise, "abc2midi was not run"
    assert "similarity/two_sample_auc" not in noise
    assert "diversity/distinct_4" in noise
    assert all(np.isfinite(error) and error >= 0 for error in noise.values())
    assert noise_of(oneills[:30]) == noise
    # Only one of ten tunes has notes: without it, there is nothing to compare.
    hostile = noise_of([RIGHT, *repeat("X:1\nK:C\n", 9)])
    assert "similarity/note_divergence" not in hostile
    assert hostile["validity/tune_rate"] == pytest.approx(0.1)
    assert noise_of([]) == noise_of([RIGHT]) == {}


def test_unfinished_tunes_outside_the_sample_count(oneills: list[str], known: Corpus) -> None:
    noise = sampling_noise(compared(oneills[200:260], scale(20, 300), known, ended=[True, False] * 30))
    assert noise["validity/complete_rate"] == pytest.approx(np.sqrt(0.25 / 60), rel=0.8)
    assert noise["diversity/pitch_range"] > 0


def test_sampling_noise_reuses_cached_results(oneills: list[str], known: Corpus) -> None:
    comparison = compared([oneills[place % 300] for place in range(200)], SCALE, known)
    Evaluation.of(comparison)
    started = time.process_time()
    sampling_noise(comparison)
    assert time.process_time() - started < 2


def test_the_error_by_hand() -> None:
    """A statistic that is 0 without one tune of four, and 1/3 without any other."""
    assert jackknife_error([0, 1 / 3, 1 / 3, 1 / 3]) == pytest.approx(0.25)
    assert jackknife_error([2.0, 2.0]) == 0


def test_few_tunes_are_deleted_one_by_one(known: Corpus) -> None:
    noise = sampling_noise(compared([RIGHT, WRONG, WRONG, WRONG], SCALE, known))
    assert noise["validity/tune_rate"] == pytest.approx(0.25)
    assert noise["diversity/unique_tunes"] > 0
    noise = sampling_noise(compared([RIGHT, WRONG], SCALE, known))
    assert noise["validity/tune_rate"] == pytest.approx(0.5)


def test_each_replicate_has_its_share_of_the_note_budget(oneills: list[str]) -> None:
    """One of two tunes with eight notes suffices for half of a budget of 16 or 17."""
    known = corpus_of(oneills[60:70], [])
    for budget, has_value in ((16, True), (17, True), (18, False)):
        noise = sampling_noise(compared([RIGHT, RIGHT.replace("C", "c")], scale(200, budget), known))
        assert ("diversity/distinct_2" in noise) == has_value
