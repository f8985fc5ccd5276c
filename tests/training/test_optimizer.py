"""AdamW beside torch's own class."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from musicgen.training.optimizer import AdamW

SHAPES = ((7, 3), (5,))
DECAY = 0.1


def made_parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


def give_gradients(parameters: list[Tensor], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_it_moves_parameters_as_torch_does_and_goes_on_from_its_states() -> None:
    theirs, ours = made_parameters(), made_parameters()
    their_optimizer = torch.optim.AdamW(theirs, lr=0.0, weight_decay=DECAY, fused=True)
    our_optimizer = AdamW(ours, DECAY)
    for step, learning_rate in enumerate((1e-2, 3e-3, 1e-3, 1e-3)):
        give_gradients(theirs, step)
        give_gradients(ours, step)
        their_optimizer.param_groups[0]["lr"] = learning_rate
        if step == 2:
            # From here on another one, as a later process has it.
            our_optimizer = AdamW(ours, DECAY)
            our_optimizer.load_state_dict(their_optimizer.state_dict())
        their_optimizer.step()
        our_optimizer.step(learning_rate)
        state = their_optimizer.state_dict()
        assert all(map(torch.equal, ours, theirs))
        own = our_optimizer.state_dict()
        assert own["param_groups"][0]["params"] == state["param_groups"][0]["params"]
        for number, moments in state["state"].items():
            assert moments.keys() == own["state"][number].keys()
            assert all(torch.equal(moments[name], own["state"][number][name]) for name in moments)


def test_a_parameter_without_a_gradient_is_a_defect() -> None:
    parameters = made_parameters()
    optimizer = AdamW(parameters, DECAY)
    give_gradients(parameters[:1], 0)
    with pytest.raises(AssertionError, match="takes part"):
        optimizer.step(1e-3)
    give_gradients(parameters, 0)
    optimizer.clear_gradients()
    assert all(parameter.grad is None for parameter in parameters)


def test_a_run_does_without_the_compiler_of_torch(tunebook: Path, tmp_path: Path) -> None:
    """Which takes a second to import."""
    program = "import sys; from musicgen.train import main; main(); print('torch._dynamo' in sys.modules)"
    overrides = (
        "experiment=smoke",
        "training.num_iterations=2",
        "training.validation_interval=1",
        "sampling.num_tunes=2",
        "sampling.max_chars=50",
        'sampling.prompts=["X:"]',
        "data=file",
        f"data.path={tunebook}",
        f"paths.outputs={tmp_path}",
        "tracker=none",
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *overrides], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
