"""How many iterations fit into a time, and that timing them changes nothing."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musicgen.training.pace import Pace, measure_pace
from tests.training.test_loop import assert_same_training, losses, make_task, train, training_config


@given(st.floats(1e-3, 10), st.floats(1e-3, 10), st.integers(1, 40), st.floats(0, 300, allow_subnormal=False))
def test_the_largest_number_that_takes_no_longer_fits(
    iteration: float, validation: float, interval: int, seconds: float
) -> None:
    pace, config = Pace(iteration, validation), training_config(validation_interval=interval)
    fits = pace.iterations_within(seconds, config)
    assert fits >= 0 and pace.seconds_of(fits, config) <= seconds + 1e-6
    assert pace.seconds_of(fits + 1, config) > seconds - 1e-6


def test_a_training_validates_at_each_multiple_and_at_its_end() -> None:
    pace, config = Pace(1.0, 10.0), training_config(validation_interval=25)
    assert [pace.seconds_of(number, config) for number in (1, 25, 26, 50)] == [11, 35, 46, 70]
    assert [pace.iterations_within(seconds, config) for seconds in (10, 11, 35, 45, 46, 70)] == [
        *(0, 1, 25, 25, 26, 50)
    ]


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pace_is_two_durations(wrong: float) -> None:
    for times in ((wrong, 1.0), (1.0, wrong)):
        with pytest.raises(ValueError, match="is not a duration"):
            Pace(*times)


def test_timing_leaves_the_random_streams_as_they_were(tmp_path: Path) -> None:
    timed, plain = (make_task(tmp_path / name) for name in ("timed", "plain"))
    before = torch.get_rng_state()
    spent = make_task(tmp_path / "timed")
    spent.windows.generator.bit_generator.state = timed.windows.generator.bit_generator.state
    pace = measure_pace(spent)
    assert pace.seconds_per_iteration > 0 and pace.seconds_per_validation > 0
    assert torch.equal(torch.get_rng_state(), before) and not spent.folder.path.exists()
    state = spent.windows.generator.bit_generator.state
    assert state == timed.windows.generator.bit_generator.state
    assert losses(train(timed)[1]) == losses(train(plain)[1])
    assert_same_training(timed, plain)
