"""What several runs read is read once, and is what each would read for itself."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.config import Config, compose_config
from musicgen.errors import InputError
from musicgen.run import inputs as material
from musicgen.run.inputs import Material, material_of, read_ahead
from musicgen.training.loss import EncodedTunes
from tests.commands import TINY


def config_of(tunebook: Path, outputs: Path, *overrides: str) -> Config:
    return compose_config([*TINY, f"data.path={tunebook}", f"paths.outputs={outputs}", *overrides])


def same(first: EncodedTunes, second: EncodedTunes) -> bool:
    return len(first.batches) == len(second.batches) and all(
        torch.equal(one, other)
        for batch, other_batch in zip(first.batches, second.batches, strict=True)
        for one, other in zip(batch, other_batch, strict=True)
    )


@pytest.fixture
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "_ahead", {})


@pytest.mark.usefixtures("nothing_read")
def test_who_reads_the_same_finds_it_read_and_others_read_for_themselves(
    tunebook: Path, tmp_path: Path
) -> None:
    config = config_of(tunebook, tmp_path)
    alone = material_of(config)
    read_ahead(config)
    ahead = material_of(config_of(tunebook, tmp_path, "sampling.temperature=2", "model.hidden_size=8"))
    assert ahead is material_of(config) is not alone
    assert np.array_equal(ahead.training_rows, alone.training_rows)
    for part in ("train", "validation", "test"):
        assert same(getattr(ahead, part), getattr(alone, part))
    assert ahead.corpus == alone.corpus
    assert ahead.compared.held_out_copies == alone.compared.held_out_copies
    others = ("seed=1", "model.lookback_bars=[3]", "evaluation.num_train_tunes=2", "paths.cache=elsewhere")
    for other in others:
        assert material_of(config_of(tunebook, tmp_path, other)) is not ahead
    assert len(material_of(config_of(tunebook, tmp_path, others[2])).train.batches[0][0][0]) == 2


@pytest.mark.usefixtures("nothing_read")
def test_a_corpus_that_was_changed_since_is_read_again(tunebook: Path, tmp_path: Path) -> None:
    config = config_of(tunebook, tmp_path)
    read_ahead(config)
    ahead = material_of(config)
    tunebook.write_text(tunebook.read_text() + "\n\nX:99\nT:New\nM:4/4\nL:1/8\nK:C\nGABc defg|gfed cBAG|]\n")
    changed = material_of(config)
    assert len(changed.corpus.tunes) == len(ahead.corpus.tunes) + 1
    tunebook.unlink()
    with pytest.raises(InputError, match="no such file"):
        material_of(config)
    with pytest.raises(InputError, match="no such file"):
        read_ahead(config)
    assert isinstance(ahead, Material)


@pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")
@pytest.mark.parametrize(("swept", "num_readings"), [("sampling.temperature=0.5,1.0", 0), ("seed=0,1", 2)])
def test_the_runs_of_a_sweep_find_it_read_where_there_are_enough(
    tunebook: Path, tmp_path: Path, swept: str, num_readings: int
) -> None:
    program = (
        "from musicgen import train; train.PRELOAD = (*train.PRELOAD, 'tests.spying'); "
        "raise SystemExit(train.main())"
    )
    (tmp_path / "spied").mkdir()
    overrides = (f"data.path={tunebook}", f"paths.outputs={tmp_path / 'outputs'}", "rendering=none")
    quiet = ("tracker=none", "rendering.plots=false")
    done = subprocess.run(
        [sys.executable, "-c", program, "--multirun", *TINY, *overrides, *quiet, swept],
        capture_output=True,
        text=True,
        env=os.environ | {"SPIED": str(tmp_path / "spied"), "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "spied").iterdir())) == num_readings
