"""What a run reads of its corpus."""

from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.run.inputs import RunInputs
from tests.commands import TINY


@pytest.mark.parametrize(("overrides", "number"), [([], 32), (["evaluation.num_train_tunes=2"], 2)])
def test_the_train_loss_is_computed_on_all_tunes_or_a_sample(
    overrides: list[str], number: int, tunebook: Path, tmp_path: Path
) -> None:
    config = compose_config([*TINY, f"data.path={tunebook}", f"paths.outputs={tmp_path}", *overrides])
    batches = RunInputs.read(config).train.batches
    assert sum(targets.shape[1] for _, targets, _ in batches) == number


def test_a_missing_corpus_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        RunInputs.read(compose_config([*TINY, f"data.path={tmp_path}/none.abc"]))
