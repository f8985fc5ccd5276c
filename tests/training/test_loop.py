import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.model.checkpoint import Checkpoint
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network
from musicgen.training.config import TrainingConfig
from musicgen.training.loop import Task, fit
from musicgen.training.loss import encode_tunes, mean_loss
from musicgen.training.outcome import Fit, Record, TrainingDiverged, TrainingInterrupted

TUNE = "X:1\nK:C\nCDEFGABc|cBAGFEDC|CEGcGECE|\n\n"
VOCABULARY = Vocabulary.of([TUNE])
MODEL = ModelConfig(cell="lstm", hidden_size=24, num_layers=2, embedding_size=8, dropout=0.2)


def training_config(**changes: object) -> TrainingConfig:
    config = TrainingConfig(
        num_iterations=60,
        batch_size=4,
        sequence_length=20,
        learning_rate=0.01,
        schedule="constant",
        warmup_iterations=0,
        final_learning_rate_share=0.0,
        gradient_clip=1.0,
        weight_decay=0.0,
        validation_interval=25,
        early_stopping_patience=None,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def make_task(folder: Path, seed: int = 0, **changes: object) -> Task:
    folder.mkdir(exist_ok=True)
    config = training_config(**changes)
    tokens = VOCABULARY.encode(TUNE * 20)
    return Task(
        network=build_network(MODEL, VOCABULARY.size, seed),
        model=MODEL,
        vocabulary=VOCABULARY,
        windows=RandomWindows(tokens, config.batch_size, config.sequence_length, np.random.default_rng(seed)),
        validation=encode_tunes([TUNE.strip()], VOCABULARY, torch.device("cpu")),
        config=config,
        folder=folder,
        dropout_seed=seed,
        device=torch.device("cpu"),
    )


def train(task: Task) -> tuple[Fit, list[Record], list[int]]:
    records: list[Record] = []
    steps: list[int] = []
    return fit(task, steps.append, records.append), records, steps


def losses(records: list[Record]) -> list[tuple[int, float, float | None]]:
    return [(record.iteration, record.train_loss, record.validation_loss) for record in records]


def weights(folder: Path, name: str = "last.pt") -> dict[str, torch.Tensor]:
    return Checkpoint.load(folder / name).weights


def assert_same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_learns_and_says_so(tmp_path: Path) -> None:
    fitted, records, steps = train(make_task(tmp_path / "a"))
    assert steps == list(range(1, 61))
    assert [record.iteration for record in records if record.validation_loss is not None] == [25, 50, 60]
    assert fitted.history == tuple(records)
    assert fitted.best_validation_loss < 0.7 * math.log(VOCABULARY.size)
    assert fitted.iterations == 60 and fitted.reused_iterations == 0
    assert fitted.tokens_per_second > 0


def test_the_kept_weights_have_the_loss_that_is_reported(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    fitted, _, _ = train(task)
    for name, loss in (("best.pt", fitted.best_validation_loss), ("last.pt", fitted.final_validation_loss)):
        network = Checkpoint.load(task.folder / name).network(task.device)
        assert mean_loss(network, task.validation).nats == pytest.approx(loss, abs=1e-9)
    assert Checkpoint.load(task.folder / "best.pt").iteration == fitted.best_iteration


def test_same_seed_same_losses_and_weights_another_seed_others(tmp_path: Path) -> None:
    _, first, _ = train(make_task(tmp_path / "a"))
    torch.rand(7)  # what ran before in the process makes no difference
    _, same, _ = train(make_task(tmp_path / "b"))
    _, other, _ = train(make_task(tmp_path / "c", seed=1))
    assert losses(first) == losses(same) != losses(other)
    assert_same_weights(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_best_is_the_lowest_validation_loss_and_last_the_end(tmp_path: Path) -> None:
    # So large a rate overshoots: the last loss is not the best.
    task = make_task(tmp_path / "a", learning_rate=3.0, validation_interval=5)
    fitted, records, _ = train(task)
    measured = {record.iteration: record.validation_loss for record in records if record.validation_loss}
    assert fitted.best_validation_loss == min(measured.values())
    assert measured[fitted.best_iteration] == fitted.best_validation_loss
    assert fitted.best_iteration < 60 == Checkpoint.load(task.folder / "last.pt").iteration


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    _, whole, _ = train(make_task(tmp_path / "whole"))
    before = signal.getsignal(signal.SIGINT)

    def interrupt_at(iteration: int) -> None:
        if iteration in (13, 31):
            signal.raise_signal(signal.SIGINT)

    for stop in (20, 40):
        with pytest.raises(TrainingInterrupted, match=f"after iteration {stop}"):
            fit(make_task(tmp_path / "parts"), interrupt_at, lambda _: None)
    assert signal.getsignal(signal.SIGINT) is before
    fitted, records, steps = train(make_task(tmp_path / "parts"))
    assert fitted.reused_iterations == 40 and steps == list(range(41, 61))
    assert losses(records) == losses(whole)
    assert_same_weights(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    assert_same_weights(weights(tmp_path / "parts", "best.pt"), weights(tmp_path / "whole", "best.pt"))


def test_a_finished_training_trains_nothing_more(tmp_path: Path) -> None:
    first, _, _ = train(make_task(tmp_path / "a"))
    again, records, steps = train(make_task(tmp_path / "a"))
    assert steps == [] and again.reused_iterations == 60
    assert (again.best_validation_loss, list(first.history)) == (first.best_validation_loss, records)


def test_early_stopping_waits_for_its_patience(tmp_path: Path) -> None:
    task = make_task(
        tmp_path / "a",
        learning_rate=0.5,
        num_iterations=500,
        validation_interval=5,
        early_stopping_patience=3,
    )
    fitted, _, _ = train(task)
    assert fitted.iterations == fitted.best_iteration + 15 < 500


def test_divergence_names_iteration_rate_and_gradient(tmp_path: Path) -> None:
    task = make_task(tmp_path / "a")
    with torch.no_grad():
        task.network.output.bias[0] = math.nan
    with pytest.raises(
        TrainingDiverged, match=r"iteration 1: loss nan, learning rate 0\.01, gradient norm nan"
    ):
        train(task)


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    """A clipped gradient is scaled as a whole, so plain descent by it moves in the same direction."""
    _, free, _ = train(make_task(tmp_path / "free", gradient_clip=None))
    _, wide, _ = train(make_task(tmp_path / "wide", gradient_clip=1e9))
    _, tight, _ = train(make_task(tmp_path / "tight", gradient_clip=1e-3))
    assert losses(free) == losses(wide) != losses(tight)
