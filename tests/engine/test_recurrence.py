"""The native engine against torch's own modules with the same parameters."""

import pytest
import torch
from torch import Tensor

from musicgen.engine.choice import Precision
from musicgen.engine.products import DTYPES
from musicgen.engine.recurrence import read
from musicgen.engine.tape import input_gradient
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork, State, build_network

SHAPES = [("lstm", 1), ("lstm", 3), ("gru", 1), ("gru", 2)]
T, B, V = 9, 5, 11


def network(
    cell: str, num_layers: int, precision: Precision = "fp32", hidden_size: int = 16
) -> CharacterNetwork:
    config = ModelConfig(cell, hidden_size, num_layers, embedding_size=8, dropout=0.0)
    return build_network(config, V, 0, precision)


def first_state(model: CharacterNetwork) -> State:
    shape = model.config.num_layers, B, model.config.hidden_size
    parts = [torch.randn(shape).mul(0.5).requires_grad_() for _ in range(2)]
    return tuple(parts) if model.config.cell == "lstm" else (parts[0],)


def everything(model: CharacterNetwork, hidden: Tensor, last: State, first: State) -> dict[str, Tensor]:
    """Outputs, and the gradients of a function of them with regard to parameters and the first state."""
    generator = torch.Generator().manual_seed(1)
    outcome = (model.output(hidden.float()) * torch.randn(T, B, V, generator=generator)).sum()
    for part in last:
        outcome = outcome + (part * torch.randn(part.shape, generator=generator)).sum()
    model.zero_grad()
    outcome.backward()
    found = {"hidden": hidden.detach().float()}
    found |= {f"last state {number}": part.detach() for number, part in enumerate(last)}
    found |= {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    for number, part in enumerate(first):
        assert part.grad is not None
        found[f"first state {number}"] = part.grad.clone()
        part.grad = None
    return found


def native_and_modules(
    model: CharacterNetwork, num_rows: int = 1
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    torch.manual_seed(2)
    tokens, state = torch.randint(0, V, (T, B, num_rows)), first_state(model)
    dtype = DTYPES[model.precision]
    native = everything(
        model, *read(model.recurrent, model.embedding.weight, tokens, state, 0.0, dtype), state
    )
    modules = everything(model, *model.read_with_modules(tokens, state), state)
    assert native.keys() == modules.keys() and len(native) >= 9
    return native, modules


def assert_close(native: dict[str, Tensor], modules: dict[str, Tensor], rtol: float, atol: float) -> None:
    for name, value in modules.items():
        torch.testing.assert_close(
            native[name], value, rtol=rtol, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize(("cell", "num_layers"), SHAPES)
def test_values_and_gradients_are_those_of_the_modules(cell: str, num_layers: int) -> None:
    assert_close(*native_and_modules(network(cell, num_layers)), rtol=1e-4, atol=1e-5)


def test_several_rows_per_character_are_added_up() -> None:
    assert_close(*native_and_modules(network("gru", 2), num_rows=3), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_large_weights_are_reordered_with_the_same_results(cell: str) -> None:
    assert_close(*native_and_modules(network(cell, 1, hidden_size=448)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("cell", "num_layers"), SHAPES)
def test_bfloat16_differs_by_its_rounding_only(cell: str, num_layers: int) -> None:
    native, modules = native_and_modules(network(cell, num_layers, "bf16", hidden_size=64))
    for name, value in modules.items():
        error = (native[name] - value).norm() / value.norm()
        assert error < 0.02, f"{name}: {error:.4f}"
    # Factors with 8 bits of mantissa do leave a trace.
    assert (native["hidden"] - modules["hidden"]).abs().max() > 1e-5


def test_dropout_keeps_the_mean() -> None:
    config = ModelConfig(cell="gru", hidden_size=32, num_layers=2, embedding_size=8, dropout=0.3)
    model = build_network(config, V, seed=0)
    tokens = torch.randint(0, V, (4, 3, 1))
    torch.manual_seed(0)
    mean = torch.stack([model(tokens)[0] for _ in range(400)]).mean(0)
    quiet = model.eval()(tokens)[0]
    # The network is nearly linear with its small initial weights.
    torch.testing.assert_close(mean, quiet, rtol=0.0, atol=0.03)


def test_the_gradient_of_a_table_is_summed_in_32_bits() -> None:
    d_gates = torch.ones(100, 10, 4, dtype=torch.bfloat16)
    gradient = input_gradient(d_gates, torch.ones(100, 10, dtype=torch.int64), 3)
    # In bfloat16, adding 1 repeatedly would stop at 256.
    assert gradient.tolist() == [[0.0] * 4, [1000.0] * 4, [0.0] * 4]
