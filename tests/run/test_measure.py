"""Results kept on disk for later runs change no number."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from musicgen.config import compose_config
from musicgen.metrics import reference as reference_module
from musicgen.run import execute as run
from musicgen.run import measure as measurement
from musicgen.run.execute import execute
from musicgen.run.prepare import prepare
from tests.commands import TINY

Numbers = tuple[dict[str, object], bytes]


def run_again(corpus: Path, outputs: Path, name: str, *overrides: str) -> Numbers:
    """The numbers of a run, except times, and its tunes.csv."""
    directory = outputs / name
    directory.mkdir(parents=True)
    quiet = ("tracker=none", "rendering=none", "rendering.plots=false", f"paths.outputs={outputs}")
    config = compose_config([*TINY, f"data.path={corpus}", *quiet, *overrides])
    record = asdict(execute(prepare(config, directory, "", [])))
    names = ("metrics", "reasons", "reference", "floor", "sampling_noise", "metrics_by", "corpus")
    return {key: record[key] for key in names}, (directory / "tunes.csv").read_bytes()


@pytest.fixture(scope="module")
def first(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Numbers]:
    """The outputs of a run, of which tests use copies, and its numbers."""
    outputs = tmp_path_factory.mktemp("first") / "outputs"
    return outputs, run_again(corpus, outputs, "first")


@pytest.fixture
def fresh(first: tuple[Path, Numbers], tmp_path: Path) -> Numbers:
    """The numbers of a run whose outputs are in tmp_path."""
    shutil.copytree(first[0], tmp_path / "outputs")
    return first[1]


def test_kept_results_are_equal_to_the_last_bit(
    fresh: Numbers, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    with monkeypatch.context() as context:
        context.setattr(measurement, "mean_loss", refuse)
        context.setattr(reference_module, "_compute", refuse)
        assert run_again(corpus, tmp_path / "outputs", "second") == fresh
    kept = {path.name.split("-")[0] for path in (tmp_path / "outputs" / "cache").iterdir()}
    assert {"losses", "melodies", "reference"} <= kept
    assert run_again(corpus, tmp_path / "other", "third") == fresh


@pytest.mark.usefixtures("fresh")
def test_losses_are_kept_per_weights_and_split(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(measurement, "mean_loss", refuse)
    run_again(corpus, tmp_path / "outputs", "second", "sampling.temperature=1.2")
    for number, change in enumerate(("training.learning_rate=1e-3", "data.split_seed=7")):
        with pytest.raises(AssertionError, match="computed again"):
            run_again(corpus, tmp_path / "outputs", f"other {number}", change)


def test_a_damaged_file_of_losses_is_replaced(fresh: Numbers, corpus: Path, tmp_path: Path) -> None:
    (path,) = (tmp_path / "outputs" / "cache").glob("losses-*.json")
    for number, content in enumerate(("", "[]", '{"train": {"nats": 1.0}}')):
        path.write_text(content)
        assert run_again(corpus, tmp_path / "outputs", f"again {number}") == fresh
        assert path.read_text() != content


def test_only_the_run_that_trained_computes_losses_first(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for module, name in ((measurement, "mean_loss"), (run, "sample_tunes")):
        work = getattr(module, name)

        def remember(*given: object, work: Any = work, name: str = name, **named: object) -> object:
            done.append(name)
            return work(*given, **named)

        monkeypatch.setattr(module, name, remember)
    fresh = run_again(corpus, tmp_path / "outputs", "trains")
    assert done.pop() == "sample_tunes" and set(done) == {"mean_loss"}
    done.clear()
    for path in (tmp_path / "outputs" / "cache").glob("losses-*"):
        path.unlink()
    assert run_again(corpus, tmp_path / "outputs", "samples") == fresh
    assert done.pop(0) == "sample_tunes" and set(done) == {"mean_loss"}
