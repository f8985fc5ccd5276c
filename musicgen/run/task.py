"""What a run trains: network, batches and validation tunes, made from its config and its inputs."""

from typing import TYPE_CHECKING

from musicgen.config import Config
from musicgen.model.network import build_network
from musicgen.records.store import training_folder
from musicgen.run.inputs import RunInputs
from musicgen.seeds import torch_seed
from musicgen.training.loop import Task

if TYPE_CHECKING:
    import torch


def new_task(config: Config, inputs: RunInputs, device: "torch.device", training_id: str) -> Task:
    """A training that starts from random weights; config: resolved."""
    training = config.training
    assert training.precision is not None
    network = build_network(
        config.model,
        inputs.vocabulary.size,
        torch_seed(config.seed, "initialisation"),
        training.precision,
        training.engine,
    )
    return Task(
        network=network.to(device),
        vocabulary=inputs.vocabulary,
        windows=inputs.windows(training, config.seed),
        validation=inputs.validation.to(device),
        config=training,
        folder=training_folder(config, training_id),
        dropout_seed=torch_seed(config.seed, "dropout"),
        device=device,
        weights=config.sampling.weights,
    )
