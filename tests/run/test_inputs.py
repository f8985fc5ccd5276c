"""What a run reads of its corpus."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.config import compose_config
from musicgen.corpus import corpus
from musicgen.corpus.windows import RandomWindows
from musicgen.errors import InputError
from musicgen.model.inputs import TextRows
from musicgen.run import inputs
from musicgen.run.inputs import RunInputs
from tests.commands import TINY


@pytest.mark.parametrize(("overrides", "number"), [([], 32), (["evaluation.num_train_tunes=2"], 2)])
def test_the_train_loss_is_computed_on_all_tunes_or_a_sample(
    overrides: list[str], number: int, tunebook: Path, tmp_path: Path
) -> None:
    config = compose_config([*TINY, f"data.path={tunebook}", f"paths.outputs={tmp_path}", *overrides])
    batches = RunInputs.read(config).train.batches
    assert sum(targets.shape[1] for _, targets, _ in batches) == number


def inputs_of(tunebook: Path, outputs: Path, *overrides: str) -> RunInputs:
    return RunInputs.read(
        compose_config([*TINY, f"data.path={tunebook}", f"paths.outputs={outputs}", *overrides])
    )


def test_a_long_text_is_read_when_drawn_with_equal_rows(
    tunebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, read = (inputs_of(tunebook, tmp_path, "model=default") for _ in range(2))
    stored_rows = stored.training_rows
    monkeypatch.setattr(inputs, "MAX_STORED_CHARACTERS", 100)
    monkeypatch.setattr(inputs, "_TUNES_AT_ONCE", 3)
    assert isinstance(stored_rows, np.ndarray) and isinstance(read.training_rows, TextRows)
    assert (stored.tune_starts == read.tune_starts).all()
    batches = [
        RandomWindows(rows, 8, 100, np.random.default_rng(0), stored.tune_starts, 0.5).draw()
        for rows in (stored_rows, read.training_rows)
    ]
    assert (batches[0] == batches[1]).all()


def test_losses_of_a_large_corpus_are_those_of_a_sample(
    tunebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = ["data.validation_share=0.25", "data.test_share=0.25", "data.near_duplicate_share=null"]
    shares += ["evaluation.num_train_tunes=null"]
    whole = inputs_of(tunebook, tmp_path, *shares)
    assert sum(targets.shape[1] for _, targets, _ in whole.validation.batches) == 10
    per_tune = whole.corpus.report.characters // whole.corpus.report.num_tunes
    monkeypatch.setattr(corpus, "MAX_VALIDATION_CHARACTERS", 2 * per_tune + per_tune // 2)
    monkeypatch.setattr(inputs, "MAX_SCORED_CHARACTERS", 3 * per_tune + per_tune // 2)
    sample = inputs_of(tunebook, tmp_path, *shares)
    counts = [
        [targets.shape[1] for _, targets, _ in part.batches]
        for part in (sample.validation, sample.train, sample.test)
    ]
    assert counts == [[2], [3], [3]]


def test_the_first_run_keeps_the_corpus_for_the_second(tunebook: Path, tmp_path: Path) -> None:
    config = compose_config([*TINY, f"data.path={tunebook}", f"paths.outputs={tmp_path}/new"])
    first = RunInputs.read(config)
    assert not (tmp_path / "new").exists()
    first.keep()
    kept = set((tmp_path / "new" / "cache").iterdir())
    second = RunInputs.read(config)
    assert second.corpus == first.corpus and set((tmp_path / "new" / "cache").iterdir()) == kept


def test_a_missing_corpus_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        RunInputs.read(compose_config([*TINY, f"data.path={tmp_path}/none.abc"]))
