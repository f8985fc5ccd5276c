from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network
from musicgen.training.log import TrainingLog
from musicgen.training.optimizer import AdamW
from musicgen.training.state import TrainingState, load_checkpoint, weights_on_cpu
from tests.training.test_loop import assert_same_weights, training_config

VOCABULARY = Vocabulary("\nABC")
CONFIG = training_config(num_iterations=20, validation_interval=10)


def made_state(seed: int = 0) -> TrainingState:
    model = ModelConfig(cell="gru", hidden_size=4, num_layers=1, embedding_size=3, dropout=0.0)
    network = build_network(model, VOCABULARY.size, seed)
    return TrainingState(network, AdamW(network.parameters(), 0.0), np.random.default_rng(seed), VOCABULARY)


def step_to(state: TrainingState, iteration: int, validation_loss: float) -> None:
    """Change the weights and record a validation."""
    for parameter in state.network.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimizer.step(1e-3)
    state.log.train_losses = [1.0] * iteration
    state.log.step_seconds = [0.01] * iteration
    state.log.validation_losses[iteration] = validation_loss
    state.keep_if_best()


def test_only_a_lower_loss_replaces_the_best_weights() -> None:
    state = made_state()
    step_to(state, 10, 2.0)
    kept = weights_on_cpu(state.network)
    for iteration, loss in ((20, 2.5), (30, 2.0)):
        step_to(state, iteration, loss)
        assert state.best_iteration == 10
        assert_same_weights(state.best_weights, kept)
    step_to(state, 40, 1.5)
    assert state.best_iteration == 40
    assert_same_weights(state.best_weights, weights_on_cpu(state.network))


def test_kept_weights_do_not_follow_the_network() -> None:
    state = made_state()
    kept = weights_on_cpu(state.network)
    before = {name: tensor.clone() for name, tensor in kept.items()}
    step_to(state, 10, 1.0)
    assert_same_weights(kept, before)
    assert all(not tensor.requires_grad for tensor in kept.values())


def test_random_streams_and_optimiser_are_restored(tmp_path: Path) -> None:
    state = made_state()
    step_to(state, 10, 2.0)
    state.batches.random(3)
    torch.manual_seed(5)
    state.save(tmp_path / "state-000010.pt")
    expected = (state.batches.random(), torch.rand(2).tolist())
    step_to(state, 20, 1.0)
    other = made_state(seed=1)
    content = other.read(tmp_path / "state-000010.pt")
    assert content is not None
    other.restore(content)
    assert (other.batches.random(), torch.rand(2).tolist()) == expected
    assert (other.log, other.best_iteration) == (TrainingLog([1.0] * 10, [0.01] * 10, {10: 2.0}), 10)
    # Both take the same next step, including the optimiser's moments.
    step_to(other, 20, 1.0)
    assert_same_weights(weights_on_cpu(other.network), weights_on_cpu(state.network))
    assert [path.name for path in tmp_path.iterdir()] == ["state-000010.pt"]


def test_a_checkpoint_is_the_best_or_the_last_of_a_run(tmp_path: Path) -> None:
    path, state = tmp_path / "end-000020.pt", made_state()
    step_to(state, 10, 1.5)
    best = weights_on_cpu(state.network)
    step_to(state, 20, 2.5)
    state.save(path)
    found = load_checkpoint(path, "best", CONFIG)
    assert (found.iteration, found.validation_loss) == (10, 1.5)
    assert (found.config, found.vocabulary) == (state.network.config, VOCABULARY)
    assert_same_weights(found.weights, best)
    last = load_checkpoint(path, "last", CONFIG)
    assert (last.iteration, last.validation_loss) == (20, 2.5)
    assert_same_weights(last.weights, weights_on_cpu(state.network))


def test_the_last_weights_can_be_the_best(tmp_path: Path) -> None:
    """Best weights are saved at multiples of the interval, and the run ends between two of them."""
    path, state = tmp_path / "end-000015.pt", made_state()
    step_to(state, 10, 1.5)
    kept, at = state.best_weights, state.best_iteration
    step_to(state, 15, 1.0)
    state.best_weights, state.best_iteration = kept, at
    state.save(path)
    found = load_checkpoint(path, "best", training_config(num_iterations=15, validation_interval=10))
    assert (found.iteration, found.validation_loss) == (15, 1.0)
    assert_same_weights(found.weights, weights_on_cpu(state.network))


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_the_generator_of_the_gpu_is_restored(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = {"now": torch.tensor([1, 2], dtype=torch.uint8)}
    monkeypatch.setattr(TrainingState, "device", torch.device(kind))
    monkeypatch.setattr(f"torch.{kind}.get_rng_state", lambda *_: streams["now"])
    monkeypatch.setattr(f"torch.{kind}.set_rng_state", lambda state, *_: streams.update(now=state))
    state = made_state()
    step_to(state, 10, 2.0)
    state.save(tmp_path / "state-000010.pt")
    streams["now"] = torch.zeros(2, dtype=torch.uint8)
    content = state.read(tmp_path / "state-000010.pt")
    assert content is not None
    # Older versions saved those of all cards, of which a training uses the first.
    content.dropout_cuda.append(torch.full((2,), 9, dtype=torch.uint8))
    state.restore(content)
    assert streams["now"].tolist() == [1, 2]


def test_on_the_cpu_no_state_of_a_gpu_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a training on the CPU must not start CUDA")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_rng_state_all", refuse)
    state = made_state()
    step_to(state, 10, 2.0)
    state.save(tmp_path / "state-000010.pt")
    content = state.read(tmp_path / "state-000010.pt")
    assert content is not None and content.dropout_cuda == []
