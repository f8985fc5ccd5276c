import numpy as np
import pytest

from musicgen.corpus.windows import RandomWindows
from musicgen.errors import InputError


def test_windows_run_around_the_text() -> None:
    windows = RandomWindows(
        np.arange(50)[:, None], batch_size=400, sequence_length=10, generator=np.random.default_rng(0)
    )
    batch = windows.draw()
    assert batch.shape == (11, 400, 1)
    assert (np.diff(batch, axis=0) % 50 == 1).all()
    assert set(batch[0].ravel()) == set(range(50))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_windows_begins_at_tunes(share: float) -> None:
    windows = RandomWindows(np.arange(10_000)[:, None], 4000, 5, np.random.default_rng(0), [7, 9_990], share)
    starts = windows.draw()[0, :, 0]
    assert abs(np.isin(starts, [7, 9_990]).mean() - share) < 0.05


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
