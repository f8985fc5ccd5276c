import math

import numpy as np
import pytest

from musicgen.metrics.ngram import NgramModel


def test_loss_follows_the_formula_by_hand() -> None:
    """Alphabet a, b, end: uniform 1/3. Unigrams of "ab" and "aa": a 3, b 1, end 2."""
    model = NgramModel(order=1).fit(["ab", "aa"])
    p_a = (3 + 3 / 3) / (6 + 3)
    p_b = (1 + 3 / 3) / (6 + 3)
    assert model.loss(["ab"]) == pytest.approx(-(math.log(p_a) + math.log(p_b)) / 2)
    bigram = NgramModel(order=2).fit(["ab", "aa"])
    first = (2 + 1 * p_a) / (2 + 1)
    second = (1 + 3 * p_b) / (3 + 3)
    assert bigram.loss(["ab"]) == pytest.approx(-(math.log(first) + math.log(second)) / 2)


def test_probabilities_sum_to_one_after_every_context() -> None:
    model = NgramModel(order=3).fit(["X:1\nabcab|", "X:2\nabd|"])
    for context in ("\x00\x00", "ab", "zz", "b|"):
        assert sum(model._probability(context, character) for character in model._alphabet) == pytest.approx(
            1
        )
        np.testing.assert_allclose(
            model._distribution(context), [model._probability(context, c) for c in model._alphabet]
        )


def test_sampling_is_reproducible_and_capped() -> None:
    model = NgramModel().fit(["abcabcabc" * 30, "cab"])
    first, second = (model.sample(20, 50, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert len(first) == 20
    assert max(map(len, first)) <= 50
    assert set("".join(first)) <= set("abc")


def test_unseen_characters_have_a_finite_loss() -> None:
    model = NgramModel().fit(["abcabc"])
    assert model.loss(["abc"]) < model.loss(["abz"]) < math.inf


def test_a_higher_order_predicts_the_corpus_better(oneills: list[str]) -> None:
    losses = [NgramModel(order).fit(oneills[20:]).loss(oneills[:20]) for order in (1, 2, 5)]
    assert losses == sorted(losses, reverse=True)


class Draws:
    """A generator that repeats the given numbers."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers

    def random(self, size: int) -> np.ndarray:
        return np.resize(np.array(self.numbers), size)


def test_draws_select_characters_by_their_share() -> None:
    """Unigrams of "ab" and "aa", in the order of the alphabet: end 1/3, a 4/9, b 2/9."""
    model = NgramModel(order=1).fit(["ab", "aa"])
    for numbers, text in (((0.3334, 0.7777, 0.7779, 0.3332), "aab"), ((0.0,), ""), ((0.9999,), "bbbbb")):
        assert model.sample(2, 5, Draws(*numbers)) == [text, text]  # pyright: ignore[reportArgumentType]
    assert model.sample(1, 0, np.random.default_rng(0)) == [""]


def test_characters_depend_on_their_context() -> None:
    """With one tune and enough context, the tune itself is by far the most likely."""
    model = NgramModel(order=4).fit(["abac"])
    assert model.sample(1, 9, Draws(0.5)) == ["abac"]  # pyright: ignore[reportArgumentType]
    assert NgramModel(order=2).fit(["abc"]).sample(1, 9, Draws(0.5)) == ["abc"]  # pyright: ignore
    assert NgramModel().order == 5


def test_a_mark_inside_a_tune_is_white_space() -> None:
    assert NgramModel(2).fit(["a b"]).loss(["a\x00b"]) == NgramModel(2).fit(["a b"]).loss(["a b"])


def test_the_loss_averages_over_all_characters() -> None:
    model = NgramModel(2).fit(["abc", "bca"])
    one, other = model.loss(["abc"]), model.loss(["bcabca"])
    assert model.loss(["abc", "bcabca"]) == pytest.approx((3 * one + 6 * other) / 9)
    with pytest.raises(AssertionError, match="no characters"):
        model.loss([""])
    with pytest.raises(AssertionError):
        NgramModel(0)
