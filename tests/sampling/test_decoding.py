import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musicgen.corpus.vocabulary import UNKNOWN
from musicgen.sampling.decoding import choose_tokens, number_type

PROBABILITIES = torch.tensor([0.0, 0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
NUM_DRAWS = 20_000


def shares(
    temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None, unknown: float = 5.0
) -> list[float]:
    """Share of draws of each token from PROBABILITIES."""
    logits = PROBABILITIES.log()
    logits[UNKNOWN] = unknown
    uniforms = (torch.arange(NUM_DRAWS, dtype=torch.float64) + 0.5) / NUM_DRAWS
    temperatures = torch.full((NUM_DRAWS,), temperature, dtype=torch.float64)
    tokens = choose_tokens(logits.repeat(NUM_DRAWS, 1), temperatures, uniforms, top_k, top_p)
    return (torch.bincount(tokens, minlength=5) / NUM_DRAWS).tolist()


def test_tokens_follow_their_probabilities() -> None:
    assert shares() == pytest.approx([0, 0.5, 0.3, 0.15, 0.05], abs=1e-3)


def test_temperature_divides_the_logits() -> None:
    sharpened = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert shares(temperature=0.5) == pytest.approx(sharpened.tolist(), abs=1e-3)


def test_temperature_zero_is_greedy() -> None:
    assert shares(temperature=0.0) == [0, 1, 0, 0, 0]


def test_top_k_and_top_p_keep_the_most_likely() -> None:
    assert shares(top_k=2) == pytest.approx([0, 0.625, 0.375, 0, 0], abs=1e-3)
    assert shares(top_k=99) == pytest.approx(shares())
    # 0.5 is less than 0.6, so the second token is included.
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
def test_unknown_is_never_drawn(
    logits: list[float], uniform: float, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    row = torch.tensor([logits])
    token = choose_tokens(
        row, torch.tensor([temperature]).double(), torch.tensor([uniform]).double(), top_k, top_p
    )
    assert UNKNOWN < int(token) < len(logits)


def drawn(
    probabilities: list[list[float]],
    uniforms: list[float],
    temperatures: list[float] | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
) -> list[int]:
    """The token drawn from each row; probabilities start after UNKNOWN."""
    scores = torch.tensor(probabilities, dtype=torch.float64).log()
    scores = torch.cat([torch.full((len(scores), 1), 9.0, dtype=torch.float64), scores], dim=1)
    heat = torch.tensor(temperatures or [1.0] * len(scores), dtype=torch.float64)
    return choose_tokens(scores, heat, torch.tensor(uniforms, dtype=torch.float64), top_k, top_p).tolist()


def test_intervals_include_their_lower_end_only() -> None:
    uniforms = [0.0, 0.2499, 0.25, 0.4999, 0.5, 0.9999999]
    assert drawn([[0.25, 0.25, 0.5]] * 6, uniforms) == [1, 1, 2, 2, 3, 3]


def test_impossible_tokens_at_both_ends_are_skipped() -> None:
    below_one = 1 - 2**-53
    assert drawn([[0.0, 0.5, 0.5, 0.0]] * 2, [0.0, below_one]) == [2, 3]
    # Ten rounded tenths add up to less than one; tokens after the last one must not be drawn.
    assert drawn([[0.1] * 10 + [0.0]], [below_one]) == [10]


def test_ties_keep_the_first_tokens() -> None:
    uniforms = [0.1, 0.9]
    assert drawn([[0.25] * 4] * 2, uniforms, top_k=2) == [1, 2]
    assert drawn([[0.25] * 4] * 2, uniforms, top_p=0.5) == [1, 2]
    assert drawn([[0.25] * 4] * 2, uniforms, top_k=1) == [1, 1]
    # Tokens must pass both limits, and keep their order.
    assert drawn([[0.1, 0.2, 0.3, 0.4]] * 2, uniforms, top_k=3, top_p=0.6) == [3, 4]
    assert drawn([[0.1, 0.2, 0.3, 0.4]] * 2, uniforms, top_k=1, top_p=0.9) == [4, 4]


def test_each_row_has_its_own_temperature() -> None:
    rows = [[0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.6, 0.4]]
    # At 0.25 the first share is 0.6⁴ / (0.6⁴ + 0.4⁴) = 0.835; at 4 it is close to a half.
    assert drawn(rows, [0.7, 0.1, 0.7, 0.55], temperatures=[1.0, 0.0, 0.25, 4.0]) == [2, 2, 1, 2]


def test_scores_may_have_any_precision() -> None:
    scores = torch.tensor([[9.0, 1.0, 1.0 + 1e-3]], dtype=torch.float32)
    half = torch.tensor([0.5], dtype=torch.float64)
    assert choose_tokens(scores, torch.ones(1).double(), half, None, None).dtype == torch.int64
    assert int(choose_tokens(scores, torch.zeros(1).double(), half, None, None)) == 2


def test_tokens_are_chosen_without_64_bits_where_there_are_none() -> None:
    assert number_type(torch.device("mps")) == torch.float32
    assert number_type(torch.device("cuda")) == number_type(torch.device("cpu")) == torch.float64


def test_32_bits_choose_the_same_tokens_and_keep_the_scores() -> None:
    generator = torch.Generator().manual_seed(0)
    scores, uniforms = torch.randn(500, 40, generator=generator), torch.rand(500, generator=generator)
    # A uniform number just below 1 becomes 1 in 32 bits.
    uniforms[0], given = 1.0, scores.clone()
    temperatures = torch.tensor([0.0, 0.5, 1.0, 2.0]).repeat(125)
    narrow = choose_tokens(scores, temperatures, uniforms, 20, 0.9)
    wide = choose_tokens(scores, temperatures.double(), uniforms.double(), 20, 0.9)
    assert torch.equal(scores, given)
    assert (narrow == wide).float().mean() > 0.99 and int(narrow.max()) < 40 and int(narrow.min()) > UNKNOWN
