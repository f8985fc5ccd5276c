"""Cells of other packages."""

from pathlib import Path

import pytest
import torch

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.model.cells import cell_identity
from musicgen.model.config import ModelConfig
from musicgen.model.network import CharacterNetwork, build_network
from musicgen.records.identity import training_identity
from musicgen.system.extensions import TRUST
from tests.made_packages import install, write_documented
from tests.test_config import composed_values

GROUP = "musicgen.cells"
SUBCLASS = "import torch\nclass Mine(torch.nn.GRU):\n    pass\n"


def network(cell: str, num_layers: int = 2) -> CharacterNetwork:
    config = ModelConfig(cell, 16, num_layers, embedding_size=8, dropout=0.1)
    return build_network(config, vocabulary_size=11, seed=0, engine="torch")


def test_a_cell_of_another_package_computes(packages: Path) -> None:
    install(packages, "mine_of_a_test", SUBCLASS, GROUP, mine="mine_of_a_test:Mine")
    mine, gru = network("mine").eval(), network("gru").eval()
    tokens = torch.randint(0, 11, (9, 4, 1), generator=torch.Generator().manual_seed(0))
    # Trying its shapes has used no random number.
    torch.testing.assert_close(mine(tokens)[0], gru(tokens)[0], rtol=0, atol=0)
    assert not mine.is_native() and mine.config.training_flops > 0


def test_the_cell_in_the_docs_reads_in_pieces(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_documented(packages)
    monkeypatch.setenv(TRUST, "my_package")
    model = network("my_package.cells:Leaky").eval()
    tokens = torch.randint(0, 11, (9, 4, 1), generator=torch.Generator().manual_seed(0))
    logits, _ = model(tokens)
    first, state = model(tokens[:5])
    second, _ = model(tokens[5:], state)
    torch.testing.assert_close(torch.cat([first, second]), logits)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("def Mine(*sizes): ...", "TypeError: Mine() got an unexpected keyword argument 'dropout'"),
        ("def Mine(*sizes, dropout): return 7", "builds a int, not a torch.nn.Module"),
        ("def Mine(*sizes, dropout): raise RuntimeError('two\\nlines')", "RuntimeError: two\\nlines"),
        (
            "def Mine(*sizes, dropout): return torch.nn.GRU(*sizes, batch_first=True)",
            "returns a state [[2, 2, 16]], not [L, B, …]",
        ),
        (
            "def Mine(*sizes, dropout): return torch.nn.GRU(*sizes, bidirectional=True)",
            "returns hidden states [2, 3, 32], not [T, B, H]",
        ),
        (
            "class Mine(torch.nn.GRU):\n"
            "    def __init__(self, *sizes, dropout):\n"
            "        super().__init__(*sizes)\n"
            "        self.register_buffer('mask', torch.ones(3))",
            "has buffers, which states do not keep",
        ),
        ("Mine = torch.nn.Linear", "TypeError"),
    ],
)
def test_a_module_unlike_torchs_is_one_line(packages: Path, body: str, complaint: str) -> None:
    install(packages, "mine_of_a_test", f"import torch\n{body}\n", GROUP, mine="mine_of_a_test:Mine")
    with pytest.raises(InputError) as error:
        network("mine")
    line = str(error.value)
    assert line.startswith("model.cell=mine: cannot replace torch.nn.GRU: ") and complaint in line
    assert "\n" not in line


def test_an_unknown_cell_is_one_line(packages: Path) -> None:
    install(packages, "mine_of_a_test", SUBCLASS, GROUP, mine="mine_of_a_test:Mine")
    with pytest.raises(InputError) as error:
        compose_config(["model.cell=yours"])
    assert str(error.value) == (
        "model.cell=yours: no such cell; installed are lstm, gru, mine, "
        "or a path such as package.module:Class"
    )


def test_a_built_in_name_means_the_built_in(packages: Path) -> None:
    install(packages, "mine_of_a_test", SUBCLASS, GROUP, gru="mine_of_a_test:Mine")
    assert type(network("gru").recurrent) is torch.nn.GRU
    assert cell_identity("gru") == "gru"


def test_path_and_code_of_a_cell_enter_the_identity(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(packages, "mine_of_a_test", SUBCLASS, GROUP, mine="mine_of_a_test:Mine")
    monkeypatch.setenv(TRUST, "mine_of_a_test")

    def identity(cell: str) -> str:
        values = composed_values()
        return training_identity({**values, "model": {**values["model"], "cell": cell}}, "0" * 64, "cpu")

    before = identity("mine")
    assert before not in (identity("gru"), identity("mine_of_a_test:Mine"))
    assert "mine_of_a_test:Mine@" in cell_identity("mine")
    (packages / "mine_of_a_test.py").write_text(f"{SUBCLASS}# edited\n", encoding="utf-8")
    assert identity("mine") != before
