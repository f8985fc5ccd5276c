import pytest

from musicgen.training.config import TrainingConfig
from musicgen.training.schedule import learning_rate_at
from tests.training.test_loop import training_config


def rates(config: TrainingConfig) -> list[float]:
    return [learning_rate_at(iteration, config) for iteration in range(1, config.num_iterations + 1)]


def test_a_constant_rate_holds_from_the_first_iteration() -> None:
    assert set(rates(training_config(num_iterations=20))) == {0.01}


def test_warm_up_rises_in_equal_steps() -> None:
    config = training_config(num_iterations=20, warmup_iterations=4)
    assert rates(config)[:5] == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01])


def test_a_cosine_falls_to_its_final_share() -> None:
    config = training_config(
        num_iterations=100, schedule="cosine", warmup_iterations=10, final_learning_rate_share=0.1
    )
    values = rates(config)
    assert max(values) == values[9] == 0.01
    assert values[9:] == sorted(values[9:], reverse=True)
    assert values[54] == pytest.approx(0.0055)  # half way, at the middle of 0.01 and 0.001
    assert values[-1] == pytest.approx(0.001)
