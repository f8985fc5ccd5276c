import numpy as np
import pytest

from musicgen.corpus.windows import RandomWindows
from musicgen.errors import InputError


def test_windows_are_contiguous_and_reach_both_ends() -> None:
    windows = RandomWindows(
        np.arange(50)[:, None], batch_size=400, sequence_length=10, generator=np.random.default_rng(0)
    )
    batch = windows.draw()
    assert batch.shape == (11, 400, 1)
    assert (np.diff(batch, axis=0) == 1).all()
    assert batch[0].min() == 0 and batch[-1].max() == 49


def test_the_order_follows_the_generator() -> None:
    first, same, other = (
        RandomWindows(np.arange(99)[:, None], 4, 10, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    batch = first.draw()
    assert (batch == same.draw()).all()
    assert (batch != other.draw()).any()
    same.generator.bit_generator.state = first.generator.bit_generator.state
    assert (first.draw() == same.draw()).all()


def test_a_sequence_longer_than_the_text_is_rejected() -> None:
    RandomWindows(np.arange(11)[:, None], 4, 10, np.random.default_rng(0)).draw()
    with pytest.raises(
        InputError, match=r"training\.sequence_length=10: .* 10 characters; allowed are 1 to 9"
    ):
        RandomWindows(np.arange(10)[:, None], 4, 10, np.random.default_rng(0))
