"""What a run reads of its corpus."""

from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.run.inputs import material_of
from tests.commands import TINY


def test_a_sample_of_the_training_tunes_is_scored(tunebook: Path, tmp_path: Path) -> None:
    overrides = [*TINY, f"data.path={tunebook}", f"paths.outputs={tmp_path}"]
    every = material_of(compose_config(overrides))
    two = material_of(compose_config([*overrides, "evaluation.num_train_tunes=2"]))
    assert sum(len(starts) for (starts, *_), *_ in every.train.batches) > 2
    assert len(two.train.batches[0][0][0]) == 2


def test_a_corpus_that_is_missing_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        material_of(compose_config([*TINY, f"data.path={tmp_path}/none.abc"]))
