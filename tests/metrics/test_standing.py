import pytest

from musicgen.metrics.standing import BETTER, LIKE_REAL, WORSE, WORSE_THAN_FLOOR, share_of_the_way, standing

HIGHER, LOWER, CORPUS = "validity/sound_rate", "originality/copied_share", "structure/lag_repeat"


@pytest.mark.parametrize(
    ("value", "mean", "sd"), [(0.51, 0.5, 0.01), (1.0, 1.0, 0.0), (1.0, 0.5, 0.25), (0.0, 0.5, 0.25)]
)
def test_values_within_two_sds_are_like_real_tunes(value: float, mean: float, sd: float) -> None:
    assert standing(CORPUS, [value], {"mean": mean, "sd": sd}, 0.1) == LIKE_REAL


@pytest.mark.parametrize(
    ("metric", "value", "floor", "words"),
    [
        (HIGHER, 0.4, 0.0, "worse: 50 % from 5-gram to real"),
        (HIGHER, 0.05, 0.1, WORSE_THAN_FLOOR),
        (HIGHER, 0.1, 0.1, "worse: 0 % from 5-gram to real"),
        (HIGHER, 0.95, 0.1, BETTER),
        (HIGHER, 0.95, None, BETTER),
        (HIGHER, 0.4, None, WORSE),
        (LOWER, 0.9, 1.2, "worse: 75 % from 5-gram to real"),
        (LOWER, 0.9, 0.0, WORSE_THAN_FLOOR),
        (LOWER, 0.1, 1.2, BETTER),
        (CORPUS, 0.6, 0.0, "worse (too low): 75 % from 5-gram to real"),
        (CORPUS, 1.2, 0.0, "worse (too high): 50 % nearer than 5-gram"),
        (CORPUS, 1.7, 0.0, WORSE_THAN_FLOOR),
        (CORPUS, 0.6, 0.8, WORSE_THAN_FLOOR),
        (CORPUS, 1.7, None, "worse than real tunes (too high)"),
    ],
)
def test_a_standing_in_words(metric: str, value: float, floor: float | None, words: str) -> None:
    assert standing(metric, [value], {"mean": 0.8, "sd": 0.01}, floor) == words


def test_several_seeds_add_their_own_spread() -> None:
    corpus = {"mean": 0.8, "sd": 0.01}
    assert standing(HIGHER, [0.3, 0.4, 0.5], corpus, 0.0) == "worse: 50 ± 12 % from 5-gram to real"
    # The mean decides, not the single seeds.
    assert standing(HIGHER, [0.6, 1.0], corpus, 0.0) == LIKE_REAL


def test_a_floor_at_the_corpus_gives_no_share() -> None:
    assert share_of_the_way(CORPUS, 0.5, 0.8, 0.8) is None
    assert share_of_the_way(LOWER, 0.5, 0.2, 0.1) is None
    assert share_of_the_way(HIGHER, 0.9, 0.8, 0.0) == 1
