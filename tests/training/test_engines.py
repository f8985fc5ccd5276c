from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.corpus.windows import RandomWindows
from musicgen.engine.choice import Engine, Precision
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network
from musicgen.training.folder import TrainingFolder
from musicgen.training.loop import Task, fit
from musicgen.training.loss import encode_tunes
from musicgen.training.outcome import Fit
from tests.training.test_loop import training_config


def made_up_tunes(number: int) -> list[str]:
    """Bars made of a few motifs: a pattern that can be learnt but never fully."""
    generator = np.random.default_rng(0)
    motifs = ["".join(generator.choice(list("CDEFGABcdef"), 4)) for _ in range(12)]
    return [
        "X:1\nM:4/4\nK:D\n"
        + "|".join("".join(motifs[k] for k in generator.integers(0, 12, 2)) for _ in range(8))
        for _ in range(number)
    ]


TUNES = made_up_tunes(60)
VOCABULARY = Vocabulary.of(TUNES)


def trained(
    folder: Path,
    cell: Literal["lstm", "gru"],
    precision: Precision,
    *,
    engine: Engine = "native",
    hidden_size: int = 64,
    num_layers: int = 2,
    num_iterations: int = 200,
) -> Fit:
    model = ModelConfig(
        cell=cell, hidden_size=hidden_size, num_layers=num_layers, embedding_size=16, dropout=0.0
    )
    config = training_config(
        num_iterations=num_iterations,
        batch_size=8,
        sequence_length=48,
        learning_rate=5e-3,
        validation_interval=num_iterations // 4,
    )
    network = build_network(model, VOCABULARY.size, 0, precision, engine)
    tokens = VOCABULARY.encode("\n\n".join(TUNES[:50]))[:, None]
    task = Task(
        network=network,
        vocabulary=VOCABULARY,
        windows=RandomWindows(tokens, config.batch_size, config.sequence_length, np.random.default_rng(0)),
        validation=encode_tunes(TUNES[50:], VOCABULARY, model),
        config=config,
        folder=TrainingFolder(folder),
        dropout_seed=0,
        device=torch.device("cpu"),
    )
    return fit(task, lambda _step: None, lambda _record: None)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_engines_have_the_same_loss_curve(cell: Literal["lstm", "gru"], tmp_path: Path) -> None:
    ours = trained(tmp_path / "engine", cell, "fp32")
    theirs = trained(tmp_path / "modules", cell, "fp32", engine="torch")
    assert len(ours.history) == 20 and ours.history[-1].train_loss < ours.history[0].train_loss / 2
    for mine, other in zip(ours.history, theirs.history, strict=True):
        assert mine.train_loss == pytest.approx(other.train_loss, abs=1e-4)
    assert ours.final_validation_loss == pytest.approx(theirs.final_validation_loss, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_bfloat16_keeps_the_validation_loss(cell: Literal["lstm", "gru"], tmp_path: Path) -> None:
    precisions: tuple[Precision, Precision] = ("bf16", "fp32")
    ours, theirs = (
        trained(tmp_path / precision, cell, precision, hidden_size=128, num_layers=1, num_iterations=100)
        for precision in precisions
    )
    difference = ours.best_validation_loss - theirs.best_validation_loss
    assert 0.0 < abs(difference) < 0.005
