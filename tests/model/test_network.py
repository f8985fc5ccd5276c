import pytest
import torch

from musicgen.engine.choice import Engine
from musicgen.errors import InputError
from musicgen.model.cells import CELLS, Cell
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork, build_network, select_rows
from musicgen.training.device import resolve_engine
from tests.training.test_loop import training_config

NETWORKS: list[tuple[str, int, Engine]] = [
    ("lstm", 1, "native"),
    ("lstm", 2, "torch"),
    ("gru", 1, "torch"),
    ("gru", 3, "native"),
    ("rnn_tanh", 2, "torch"),
]
TOKENS = torch.randint(0, 11, (9, 4, 1), generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that the native engine does not have, added as CONTRIBUTING.md says."""
    monkeypatch.setitem(CELLS, "rnn_tanh", Cell("torch.nn:RNN", num_gates=1))


def network(
    cell: str = "lstm", num_layers: int = 1, engine: Engine = "native", dropout: float = 0.0
) -> CharacterNetwork:
    config = ModelConfig(cell, 16, num_layers, embedding_size=8, dropout=dropout)
    return build_network(config, vocabulary_size=11, seed=0, engine=engine)


@pytest.mark.parametrize(("cell", "num_layers", "engine"), NETWORKS)
def test_reading_in_pieces_equals_reading_at_once(cell: str, num_layers: int, engine: Engine) -> None:
    model = network(cell, num_layers, engine).eval()
    logits, _ = model(TOKENS)
    assert logits.shape == (9, 4, 11)
    first, state = model(TOKENS[:5])
    second, _ = model(TOKENS[5:], state)
    torch.testing.assert_close(torch.cat([first, second]), logits)


@pytest.mark.parametrize(("cell", "num_layers", "engine"), NETWORKS)
def test_selected_rows_continue_as_before(cell: str, num_layers: int, engine: Engine) -> None:
    model = network(cell, num_layers, engine).eval()
    _, state = model(TOKENS)
    rows = torch.tensor([2, 0])
    expected, _ = model(TOKENS[:1], state)
    selected, _ = model(TOKENS[:1, rows], select_rows(state, rows))
    torch.testing.assert_close(selected, expected[:, rows])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_engines_give_the_same_scores(cell: str) -> None:
    native, torchs = network(cell, 2, "native"), network(cell, 2, "torch")
    assert native.is_native() and not torchs.is_native()
    torch.testing.assert_close(native(TOKENS)[0], torchs(TOKENS)[0], rtol=1e-4, atol=1e-5)


def test_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, same, other = (build_network(network().config, 11, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.output.weight, same.output.weight)
    assert not torch.equal(first.output.weight, other.output.weight)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_dropout_acts_in_training_only(engine: Engine) -> None:
    model = network("lstm", 2, engine, dropout=0.5)
    assert not torch.equal(model(TOKENS)[0], model(TOKENS)[0])
    model.eval()
    assert torch.equal(model(TOKENS)[0], model(TOKENS)[0])


def test_a_new_cell_needs_one_line_and_the_torch_engine() -> None:
    config = ModelConfig("rnn_tanh", 16, 1, embedding_size=8, dropout=0.0)
    assert config.training_flops * 4 == ModelConfig("lstm", 16, 1, 8, 0.0).training_flops
    with pytest.raises(InputError, match=r"model.cell=rnn_tanh: .* lstm and gru; set training.engine=torch"):
        resolve_engine(training_config(), config, "cpu")
    assert resolve_engine(training_config(engine="torch"), config, "cpu").engine == "torch"


def test_an_unknown_cell_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="model.cell=transformer: .* are lstm, gru, rnn_tanh, or a path"):
        network("transformer")
