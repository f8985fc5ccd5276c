import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from musicgen.training.optimizer import AdamW
from tests.commands import TINY

SHAPES = ((7, 3), (5,))
DECAY = 0.1


def made_parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


def give_gradients(parameters: list[Tensor], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_it_equals_torchs_adamw_and_loads_its_states() -> None:
    theirs, ours = made_parameters(), made_parameters()
    their_optimizer = torch.optim.AdamW(theirs, lr=0.0, weight_decay=DECAY, fused=True)
    our_optimizer = AdamW(ours, DECAY)
    for step, learning_rate in enumerate((1e-2, 3e-3, 1e-3, 1e-3)):
        give_gradients(theirs, step)
        give_gradients(ours, step)
        their_optimizer.param_groups[0]["lr"] = learning_rate
        if step == 2:
            # Continue with a new one, as a later process does.
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


def test_every_parameter_needs_a_gradient() -> None:
    parameters = made_parameters()
    optimizer = AdamW(parameters, DECAY)
    give_gradients(parameters[:1], 0)
    with pytest.raises(AssertionError, match="takes part"):
        optimizer.step(1e-3)
    give_gradients(parameters, 0)
    optimizer.clear_gradients()
    assert all(parameter.grad is None for parameter in parameters)


@pytest.mark.slow
def test_a_run_does_not_import_torchs_compiler(tunebook: Path, tmp_path: Path) -> None:
    program = "import sys; from musicgen.train import main; main(); print('torch._dynamo' in sys.modules)"
    own = ["training.num_iterations=2", "training.validation_interval=1", "sampling.num_tunes=2"]
    quiet = ["tracker=none", "rendering=none", "rendering.plots=false"]
    arguments = [*TINY, *own, *quiet, f"data.path={tunebook}", f"paths.outputs={tmp_path}"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
