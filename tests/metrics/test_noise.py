"""Standard errors by the jackknife beside those that are known."""

import time
from itertools import repeat

import numpy as np
import pytest

from musicgen.metrics.evaluation import Evaluator
from musicgen.metrics.noise import jackknife_error
from musicgen.metrics.reference import Reference
from musicgen.metrics.registry import METRICS
from tests.metrics.test_families import HEADER

SCALE = Reference(sample_size=200, note_budget=500, num_corpus_tunes=300, mean={}, sd={}, floor={})
RIGHT, WRONG = HEADER + "CDEF|GABc|]", HEADER + "CDE|GABcd|CD|]"


@pytest.fixture(scope="module")
def evaluator(oneills: list[str]) -> Evaluator:
    return Evaluator.of_texts(SCALE, oneills[60:90], oneills[:40], runs_abc2midi=False)


def test_the_error_of_a_mean_of_groups_is_the_textbooks() -> None:
    """Without a group, the mean of ten numbers moves by a ninth of its distance to them."""
    numbers = np.random.default_rng(0).normal(size=10)
    without = [float(np.delete(numbers, place).mean()) for place in range(10)]
    assert jackknife_error(without) == pytest.approx(numbers.std(ddof=1) / np.sqrt(10))


def test_the_noise_of_a_rate_is_binomial(evaluator: Evaluator) -> None:
    rng = np.random.default_rng(1)
    size, chance, num_draws = 50, 0.3, 25
    errors = []
    for _ in range(num_draws):
        tunes = [RIGHT if is_right else WRONG for is_right in rng.random(size) < chance]
        errors.append(evaluator.sampling_noise(tunes)["validity/tune_rate"])
    expected = np.sqrt(chance * (1 - chance) / size)
    # The mean of 25 variances of nine degrees of freedom is known to √(2 / 225), 9 %; errors to half of it.
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(expected, rel=0.12)


def test_the_noise_is_the_spread_of_repeated_draws(oneills: list[str], evaluator: Evaluator) -> None:
    """A tune metric, a distribution and n-grams at a note budget, over samples of real tunes."""
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
        metrics = evaluator.evaluate(tunes).metrics
        values.append([metrics[name] for name in names])
        noise = evaluator.sampling_noise(tunes)
        errors.append([noise[name] for name in names])
    found = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(values, axis=0, ddof=1)
    # Fourteen draws know their spread to a fifth, and the jackknife errs upwards (Efron and Stein, 1981).
    assert (found > 0.5).all() and (found < 2).all(), dict(zip(names, found, strict=True))


def test_what_cannot_be_measured_without_a_group_is_left_out(
    oneills: list[str], evaluator: Evaluator
) -> None:
    noise = evaluator.sampling_noise(oneills[:30])
    assert set(noise) <= {name for name, metric in METRICS.items() if metric.compute is not None}
    assert "validity/parse_rate" not in noise, "abc2midi was not asked"
    assert "similarity/two_sample_auc" not in noise
    assert "diversity/distinct_4" in noise
    assert all(np.isfinite(error) and error >= 0 for error in noise.values())
    assert evaluator.sampling_noise(oneills[:30]) == noise
    # One of ten tunes has notes: without it nothing is left to compare.
    hostile = evaluator.sampling_noise([RIGHT, *repeat("X:1\nK:C\n", 9)])
    assert "similarity/note_divergence" not in hostile
    assert hostile["validity/tune_rate"] == pytest.approx(0.1)
    assert evaluator.sampling_noise([]) == evaluator.sampling_noise([RIGHT]) == {}


def test_undrawn_tunes_and_unended_ones_count(oneills: list[str]) -> None:
    small = Evaluator.of_texts(
        Reference(sample_size=20, note_budget=300, num_corpus_tunes=300, mean={}, sd={}, floor={}),
        oneills[60:90],
        oneills[:40],
        runs_abc2midi=False,
    )
    noise = small.sampling_noise(oneills[200:260], ended=[True, False] * 30)
    assert noise["validity/complete_rate"] == pytest.approx(np.sqrt(0.25 / 60), rel=0.8)
    assert noise["diversity/pitch_range"] > 0


def test_nothing_is_measured_twice(oneills: list[str], evaluator: Evaluator) -> None:
    tunes = [oneills[place % 300] for place in range(200)]
    evaluator.evaluate(tunes)
    started = time.process_time()
    evaluator.sampling_noise(tunes)
    assert time.process_time() - started < 2


def test_the_error_by_hand() -> None:
    """A statistic that is 0 without one tune and 1/3 without any other of four."""
    assert jackknife_error([0, 1 / 3, 1 / 3, 1 / 3]) == pytest.approx(0.25)
    assert jackknife_error([2.0, 2.0]) == 0


def test_few_tunes_are_left_out_one_by_one(evaluator: Evaluator) -> None:
    noise = evaluator.sampling_noise([RIGHT, WRONG, WRONG, WRONG])
    assert noise["validity/tune_rate"] == pytest.approx(0.25)
    assert noise["diversity/unique_tunes"] > 0
    assert evaluator.sampling_noise([RIGHT, WRONG])["validity/tune_rate"] == pytest.approx(0.5)


def test_each_part_has_its_share_of_the_note_budget(oneills: list[str]) -> None:
    """Two tunes of eight notes and a budget of sixteen: one of them has half of it."""
    for budget, is_there in ((16, True), (17, True), (18, False)):
        scale = Reference(sample_size=200, note_budget=budget, num_corpus_tunes=9, mean={}, sd={}, floor={})
        evaluator = Evaluator.of_texts(scale, oneills[60:70], [], runs_abc2midi=False)
        noise = evaluator.sampling_noise([RIGHT, RIGHT.replace("C", "c")])
        assert ("diversity/distinct_2" in noise) == is_there
