"""All steps at once against the same step by step. test_recurrence.py compares both with torch's modules."""

from types import ModuleType

import pytest
import torch
from torch import Tensor

from musicgen.engine import gru, lstm, scans
from musicgen.engine.amx.scans import can_scan

T, N = 13, 40
SHAPES = [(5, 32), (8, 64), (17, 96), (64, 64), (37, 32)]
needs_tiles = pytest.mark.skipif(
    not can_scan(torch.bfloat16, 64), reason="this processor has no bfloat16 tiles"
)


def results(cell: ModuleType, B: int, H: int) -> dict[str, Tensor]:
    """Outputs, states and all gradients of a function of them."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    G = 4 if cell is lstm else 3
    inputs = draw(N, G * H).to(torch.bfloat16).requires_grad_()
    rows = torch.randint(0, N, (T, B), generator=generator)
    weight, bias = (draw(G * H, H) / H**0.5).requires_grad_(), draw(G * H).requires_grad_()
    states = tuple(draw(B, H).mul(0.5).requires_grad_() for _ in range(2 if cell is lstm else 1))
    hiddens, last = cell.scan(inputs, rows, weight, bias, states)
    outcome = (hiddens * draw(*hiddens.shape)).sum() + sum((part * draw(B, H)).sum() for part in last)
    outcome.backward()
    given = {"inputs": inputs, "weight": weight, "bias": bias}
    given |= {f"state {n}": part for n, part in enumerate(states)}
    found = {"hiddens": hiddens.detach()} | {f"last {n}": part.detach() for n, part in enumerate(last)}
    return found | {name: each.grad.float() for name, each in given.items() if each.grad is not None}


@needs_tiles
@pytest.mark.parametrize("cell", [lstm, gru])
@pytest.mark.parametrize(("B", "H"), SHAPES)
def test_all_steps_at_once_differ_by_rounding_only(
    cell: ModuleType, B: int, H: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_scan(torch.bfloat16, H)
    at_once = results(cell, B, H)
    monkeypatch.setattr(scans, "_amx", None)
    step_by_step = results(cell, B, H)
    assert at_once.keys() == step_by_step.keys() and len(at_once) >= 5
    for name, value in step_by_step.items():
        error = (at_once[name] - value).norm() / value.norm()
        assert error < 0.008, f"{name}: {error:.4f}"
    # Step by step, sums of products are rounded; all at once, they stay in 32 bits.
    assert not torch.equal(at_once["hiddens"], step_by_step["hiddens"])


@needs_tiles
@pytest.mark.parametrize("cell", [lstm, gru])
@pytest.mark.parametrize(("B", "H"), SHAPES)
def test_the_number_of_threads_changes_nothing(cell: ModuleType, B: int, H: int) -> None:
    before, by_threads = torch.get_num_threads(), []
    try:
        for num_threads in (1, 2, 3):
            torch.set_num_threads(num_threads)
            by_threads.append(results(cell, B, H))
    finally:
        torch.set_num_threads(before)
    for others in by_threads[1:]:
        assert all(torch.equal(value, others[name]) for name, value in by_threads[0].items())


def test_other_types_and_sizes_are_computed_step_by_step() -> None:
    assert not can_scan(torch.float32, 64)
    assert not can_scan(torch.bfloat16, 40)
