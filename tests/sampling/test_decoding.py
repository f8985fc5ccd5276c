import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musicgen.corpus.vocabulary import UNKNOWN
from musicgen.sampling.decoding import choose_tokens

PROBABILITIES = torch.tensor([0.0, 0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
NUM_DRAWS = 20_000


def shares(
    temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None, unknown: float = 5.0
) -> list[float]:
    """How often each token is drawn from PROBABILITIES."""
    logits = PROBABILITIES.log()
    logits[UNKNOWN] = unknown
    uniforms = (torch.arange(NUM_DRAWS, dtype=torch.float64) + 0.5) / NUM_DRAWS
    temperatures = torch.full((NUM_DRAWS,), temperature, dtype=torch.float64)
    tokens = choose_tokens(logits.repeat(NUM_DRAWS, 1), temperatures, uniforms, top_k, top_p)
    return (torch.bincount(tokens, minlength=5) / NUM_DRAWS).tolist()


def test_tokens_come_as_often_as_their_probability_says_and_the_unknown_never() -> None:
    assert shares() == pytest.approx([0, 0.5, 0.3, 0.15, 0.05], abs=1e-3)


def test_temperature_divides_the_logits() -> None:
    sharpened = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert shares(temperature=0.5) == pytest.approx(sharpened.tolist(), abs=1e-3)


def test_temperature_zero_is_greedy() -> None:
    assert shares(temperature=0.0) == [0, 1, 0, 0, 0]


def test_top_k_and_top_p_keep_the_most_likely() -> None:
    assert shares(top_k=2) == pytest.approx([0, 0.625, 0.375, 0, 0], abs=1e-3)
    assert shares(top_k=99) == pytest.approx(shares())
    # 0.5 is not enough for 0.6, so the second token is needed too.
    assert shares(top_p=0.6) == pytest.approx([0, 0.625, 0.375, 0, 0], abs=1e-3)
    assert shares(top_p=0.5) == [0, 1, 0, 0, 0]
    assert shares(top_p=1.0) == pytest.approx(shares())
    assert shares(top_k=3, top_p=0.5) == [0, 1, 0, 0, 0]


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=6),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 100),
    st.none() | st.integers(1, 10),
    st.none() | st.floats(0, 1, exclude_min=True),
)
def test_a_token_that_cannot_be_is_never_drawn(
    logits: list[float], uniform: float, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    row = torch.tensor([logits])
    token = choose_tokens(
        row, torch.tensor([temperature]).double(), torch.tensor([uniform]).double(), top_k, top_p
    )
    assert UNKNOWN < int(token) < len(logits)
