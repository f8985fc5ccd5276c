"""The engine against torch's own modules with the same parameters."""

from typing import Literal

import pytest
import torch
from torch import Tensor

from musicgen.engine.choice import Precision
from musicgen.engine.products import DTYPES
from musicgen.engine.recurrence import read
from musicgen.engine.tape import input_gradient
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork, State, build_network

SHAPES: list[tuple[Literal["lstm", "gru"], int]] = [("lstm", 1), ("lstm", 3), ("gru", 1), ("gru", 2)]
T, B, V = 9, 5, 11


def network(
    cell: Literal["lstm", "gru"], num_layers: int, precision: Precision = "fp32", hidden_size: int = 16
) -> CharacterNetwork:
    config = ModelConfig(
        cell=cell, hidden_size=hidden_size, num_layers=num_layers, embedding_size=8, dropout=0.0
    )
    return build_network(config, V, seed=0, precision=precision)


def first_state(model: CharacterNetwork) -> State:
    shape = model.config.num_layers, B, model.config.hidden_size
    parts = [torch.randn(shape).mul(0.5).requires_grad_() for _ in range(2)]
    return tuple(parts) if model.config.cell == "lstm" else (parts[0],)


def everything(model: CharacterNetwork, hidden: Tensor, last: State, first: State) -> dict[str, Tensor]:
    """Outputs, and the gradients of some function of them, with regard to parameters and the first state."""
    generator = torch.Generator().manual_seed(1)
    outcome = (model.output(hidden.float()) * torch.randn(T, B, V, generator=generator)).sum()
    for part in last:
        outcome = outcome + (part * torch.randn(part.shape, generator=generator)).sum()
    model.zero_grad()
    outcome.backward()
    gradients = {
        name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None
    }
    first_gradients = {}
    for number, part in enumerate(first):
        assert part.grad is not None
        first_gradients[f"first state {number}"] = part.grad.clone()
        part.grad = None
    states = {f"last state {number}": part.detach() for number, part in enumerate(last)}
    return {"hidden": hidden.detach().float(), **states, **gradients, **first_gradients}


def engine_and_modules(
    model: CharacterNetwork, num_rows: int = 1
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    torch.manual_seed(2)
    tokens, state = torch.randint(0, V, (T, B, num_rows)), first_state(model)
    ours = everything(
        model,
        *read(model.recurrent, model.embedding.weight, tokens, state, 0.0, DTYPES[model.precision]),
        state,
    )
    return ours, everything(model, *model.read_with_modules(tokens, state), state)


@pytest.mark.parametrize(("cell", "num_layers"), SHAPES)
def test_values_and_gradients_are_those_of_the_modules(cell: Literal["lstm", "gru"], num_layers: int) -> None:
    ours, theirs = engine_and_modules(network(cell, num_layers))
    assert ours.keys() == theirs.keys() and len(ours) >= 9
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, rtol=1e-4, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
        )


def test_several_rows_a_character_are_added_up() -> None:
    ours, theirs = engine_and_modules(network("gru", 2), num_rows=3)
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, rtol=1e-4, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_large_weights_are_prepared_and_give_the_same(cell: Literal["lstm", "gru"]) -> None:
    ours, theirs = engine_and_modules(network(cell, 1, hidden_size=448))
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, rtol=1e-3, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize(("cell", "num_layers"), SHAPES)
def test_bfloat16_is_as_near_as_its_rounding(cell: Literal["lstm", "gru"], num_layers: int) -> None:
    ours, theirs = engine_and_modules(network(cell, num_layers, "bf16", hidden_size=64))
    for name, value in theirs.items():
        error = (ours[name] - value).norm() / value.norm()
        assert error < 0.02, f"{name}: {error:.4f}"
    # It is not the same: a factor had 8 bits of mantissa.
    assert (ours["hidden"] - theirs["hidden"]).abs().max() > 1e-5


def test_dropout_of_the_engine_scales_what_it_keeps() -> None:
    config = ModelConfig(cell="gru", hidden_size=32, num_layers=2, embedding_size=8, dropout=0.3)
    model = build_network(config, V, seed=0)
    tokens = torch.randint(0, V, (4, 3, 1))
    torch.manual_seed(0)
    mean = torch.stack([model(tokens)[0] for _ in range(400)]).mean(0)
    quiet = model.eval()(tokens)[0]
    # The network is nearly linear at its small first weights.
    torch.testing.assert_close(mean, quiet, rtol=0.0, atol=0.03)


def test_the_gradient_of_a_table_adds_up_in_32_bits() -> None:
    d_gates = torch.ones(100, 10, 4, dtype=torch.bfloat16)
    gradient = input_gradient(d_gates, torch.ones(100, 10, dtype=torch.int64), 3)
    # Adding 1 to itself in bfloat16 would stop at 256.
    assert gradient.tolist() == [[0.0] * 4, [1000.0] * 4, [0.0] * 4]
