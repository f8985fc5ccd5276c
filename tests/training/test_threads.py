import pytest

from musicgen.training import threads
from musicgen.training.threads import resolve_threads
from tests.test_config import parsed


@pytest.mark.parametrize(("hidden_size", "expected"), [(64, 1), (256, 1), (257, 6), (1024, 6)])
def test_threads_follow_from_size_and_cores(
    hidden_size: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "num_cores", lambda: 6)
    config = parsed(f"model.hidden_size={hidden_size}")
    assert resolve_threads(config.training, config.model).num_threads == expected


def test_a_given_number_is_kept() -> None:
    config = parsed("training.num_threads=3")
    assert resolve_threads(config.training, config.model) == config.training
