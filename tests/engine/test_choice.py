"""What happens on a machine that lacks numba, a private part of torch, or the folder engine/amx."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import musicgen
from musicgen.engine.scans import scans_for
from musicgen.records.record import RunRecord
from tests.commands import TINY, last_line, train
from tests.soak.commands import write_tunebook

TRAINING = """
import hashlib, json, sys
PRELUDE
import torch
from torch.nn.functional import cross_entropy
from musicgen.engine.choice import usable_engine
from musicgen.model.config import ModelConfig
from musicgen.model.network import build_network
from musicgen.training.optimizer import AdamW

digests = {}
for precision in ("fp32", "bf16"):
    network = build_network(ModelConfig("gru", 32, 1, 8, 0.0), 11, 0, precision)
    optimizer = AdamW(network.parameters(), 0.1)
    tokens = torch.randint(0, 11, (9, 4, 1), generator=torch.Generator().manual_seed(0))
    for step in range(3):
        loss = cross_entropy(network(tokens[:-1])[0].flatten(0, 1), tokens[1:].flatten())
        optimizer.clear_gradients()
        loss.backward()
        optimizer.step(1e-2)
    weights = b"".join(weight.detach().numpy().tobytes() for weight in network.parameters())
    digests[precision] = hashlib.sha256(weights).hexdigest()
print(json.dumps([usable_engine("native"), digests]))
"""


def trained(prelude: str = "", package: Path | None = None) -> tuple[str, dict[str, str], list[str]]:
    """The engine that a small training used, digests of its weights, and the lines of its warnings."""
    root = package or Path(musicgen.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", TRAINING.replace("PRELUDE", prelude)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(root.parent)},
        cwd=root.parent,
    )
    engine, digests = json.loads(done.stdout)
    return engine, digests, done.stderr.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prelude", "engine", "warnings"),
    [
        (
            "sys.modules['numba'] = None",
            "torch",
            ["numba cannot be imported", "training.engine=torch takes the place of native"],
        ),
        ("import torch; del torch.cpu._is_avx512_bf16_supported", "torch", ["training.engine=torch takes"]),
        ("import torch; del torch.cpu._init_amx", "native", ["AMX tiles are not used"]),
    ],
)
def test_what_is_missing_is_replaced_with_a_warning(prelude: str, engine: str, warnings: list[str]) -> None:
    used, _, lines = trained(prelude)
    assert used == engine and len(lines) == len(warnings)
    assert all(line.startswith(warning) for line, warning in zip(lines, warnings, strict=True))


def test_a_numba_that_keeps_no_code_still_compiles() -> None:
    program = (
        "import numba.core.caching; del numba.core.caching.IndexDataCacheFile\n"
        "from musicgen.system.compiled_code import compiled\n"
        "print(compiled()(lambda x: 2 * x)(21))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n" and done.stderr.startswith("this numba cannot keep machine code")


def test_one_module_imports_the_folder_amx() -> None:
    package = Path(musicgen.__file__).parent
    modules = [path for path in package.rglob("*.py") if path.parent.name != "amx"]
    assert [path.name for path in modules if "musicgen.engine.amx" in path.read_text("utf-8")] == ["scans.py"]


@pytest.mark.slow
def test_the_folder_amx_can_be_deleted(tmp_path: Path) -> None:
    copy = tmp_path / "musicgen"
    shutil.copytree(Path(musicgen.__file__).parent, copy)
    shutil.rmtree(copy / "engine" / "amx")
    engine, without, lines = trained(package=copy)
    unchanged, expected, no_lines = trained()
    assert (unchanged, no_lines) == ("native", [])
    if scans_for(torch.bfloat16, 32) is not None:
        # With tiles, sums of bfloat16 products are rounded elsewhere.
        del without["bf16"], expected["bf16"]
    assert (engine, without, lines) == ("native", expected, [])


@pytest.mark.slow
def test_a_run_without_numba_is_a_run_with_the_torch_engine(tmp_path: Path) -> None:
    corpus = write_tunebook(tmp_path)
    quick = ["tracker=none", "rendering=none", "rendering.plots=false"]
    with_torch = last_line(train(corpus, tmp_path / "torch", "training.engine=torch", *quick))
    program = "import sys; sys.modules['numba'] = None; from musicgen.train import main; sys.exit(main())"
    overrides = [*TINY, *quick, f"data.path={corpus}", f"paths.outputs={tmp_path / 'missing'}"]
    done = subprocess.run([sys.executable, "-c", program, *overrides], capture_output=True, text=True)
    without_numba = last_line(done)
    first, second = RunRecord.read(with_torch), RunRecord.read(without_numba)
    assert first.training_id == second.training_id and first.config["training"] == second.config["training"]
    assert first.status == second.status == "complete" and first.metrics == second.metrics
    assert (with_torch / "tunes.abc").read_bytes() == (without_numba / "tunes.abc").read_bytes()
