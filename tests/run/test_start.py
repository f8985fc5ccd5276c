"""Fine-tuning: a run that starts from the weights of another one."""

import re
from pathlib import Path

import pytest
import torch

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.records.record import RunRecord
from musicgen.run.execute import execute
from musicgen.run.prepare import PreparedRun, prepare
from musicgen.run.start import fixed_start, leak_warning
from musicgen.training.state import load_best
from musicgen.training.state_file import read_content
from tests.commands import TINY

QUIET = ("tracker=none", "rendering=none", "rendering.plots=false", "sampling.num_tunes=2")


def prepared(outputs: Path, name: str, *overrides: str) -> PreparedRun:
    directory = outputs / name
    directory.mkdir(parents=True)
    config = compose_config([*TINY, *QUIET, f"paths.outputs={outputs}", *overrides])
    return prepare(config, directory, "", [])


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def large(corpus: Path, outputs: Path) -> RunRecord:
    """A run on all tunes."""
    return execute(prepared(outputs, "large", f"data.path={corpus}"))


@pytest.fixture(scope="module")
def book(corpus: Path, outputs: Path, large: RunRecord) -> Path:
    """The last 20 tunes, with a character that the others lack."""
    tunes = corpus.read_text().split("\n\n")[20:]
    path = outputs / "book.abc"
    path.write_text("\n\n".join(tunes).replace("T:Tune", "T:Tune ü"))
    return path


def test_a_run_starts_from_the_weights_of_another(outputs: Path, book: Path, large: RunRecord) -> None:
    run = prepared(outputs, "tuned", f"data.path={book}", f"training.start_from={large.training_id[:8]}")
    record = execute(run)
    assert record.started_from["training_id"] == large.training_id
    assert record.started_from["iteration"] == large.metrics["fit/best_iteration"]
    assert record.config["training"]["start_from"] == large.training_id[:8]  # type: ignore[index]
    assert RunRecord.read(run.directory) == record
    state = read_content(outputs / "store" / record.training_id / "end-000060.pt")
    assert "ü" in state.vocabulary
    # Sixty iterations from random weights end far above.
    alone = execute(prepared(outputs, "alone", f"data.path={book}"))
    losses = [one.metrics["fit/validation_loss"] for one in (record, alone)]
    assert losses[0] is not None and losses[1] is not None and losses[0] < losses[1] - 0.2


def test_held_out_tunes_that_the_start_knows_are_counted(outputs: Path, book: Path, large: RunRecord) -> None:
    tuned = (f"data.path={book}", f"training.start_from={large.training_id}")
    run = prepared(outputs, "leak", *tuned)
    assert run.seen_tunes is not None and run.seen_tunes > 0
    (warning,) = leak_warning(run.inputs.corpus, run.seen_tunes)
    assert f"near-duplicates of {run.seen_tunes} held-out tunes" in warning
    assert prepared(outputs, "unknown", *tuned, "data.near_duplicate_share=null").seen_tunes is None


def test_a_corpus_without_its_near_duplicates_leaks_nothing(outputs: Path, corpus: Path, book: Path) -> None:
    excluded = f"data.exclude_near_duplicates_of={book}"
    large = execute(prepared(outputs, "other half", f"data.path={corpus}", excluded))
    run = prepared(outputs, "clean", f"data.path={book}", f"training.start_from={large.training_id}")
    assert run.seen_tunes == 0 and leak_warning(run.inputs.corpus, run.seen_tunes) == []


def test_a_path_and_an_identity_name_the_same_training(outputs: Path, book: Path, large: RunRecord) -> None:
    places = (str(outputs / "large"), large.training_id, f"{large.training_id[:8]}@60")
    overrides = [f"training.start_from={place}" for place in places]
    runs = [
        prepared(outputs, f"same-{number}", f"data.path={book}", override)
        for number, override in enumerate(overrides)
    ]
    assert len({run.training_id for run in runs}) == 1
    assert runs[0].training_id != prepared(outputs, "random", f"data.path={book}").training_id


def test_an_interrupted_fine_tuning_resumes_to_the_last_bit(
    outputs: Path, book: Path, large: RunRecord, tmp_path: Path
) -> None:
    tuned = (
        f"data.path={book}",
        f"training.start_from={outputs / 'large'}",
        "training.validation_interval=10",
    )
    short = execute(prepared(tmp_path, "short", *tuned, "training.num_iterations=30"))
    both = execute(prepared(tmp_path, "longer", *tuned))
    assert short.training_id == both.training_id and both.timing["reused_iterations"] == 30
    once = execute(prepared(tmp_path / "other", "once", *tuned))
    weights = [
        load_best(tmp_path / place / both.training_id / "end-000060.pt").weights
        for place in ("store", "other/store")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert once.metrics == both.metrics


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["training.start_from=nowhere"], "neither a run directory nor 8 to 16 digits of a training"),
        (["training.start_from=0000000"], "neither a run directory nor 8 to 16 digits of a training"),
        (["training.start_from=000000000000"], "beginning of one training in .*; found none"),
        (["training.start_from=ID@7"], "no run has ended there; runs ended at iteration: 60"),
        (
            ["training.start_from=ID", "model.hidden_size=65"],
            "hidden_size=64, this run has model.hidden_size=65",
        ),
        (
            ["training.start_from=ID", "model=gru"],
            "its network has model.cell=lstm .*this run has model.cell=gru",
        ),
    ],
)
def test_an_unusable_start_is_one_line(
    overrides: list[str], complaint: str, outputs: Path, book: Path, large: RunRecord, tmp_path: Path
) -> None:
    given = [text.replace("ID", large.training_id[:8]) for text in overrides]
    config = compose_config([*TINY, *QUIET, f"paths.outputs={outputs}", f"data.path={book}", *given])
    with pytest.raises(InputError, match=f"^training.start_from=.*{complaint}") as error:
        prepare(config, tmp_path, "", [])
    assert "\n" not in str(error.value)


def test_an_abbreviation_is_fixed_for_a_sweep(outputs: Path, large: RunRecord) -> None:
    def fixed(start: str) -> str | None:
        overrides = [f"training.start_from={start}", f"paths.outputs={outputs}", "data.path=x.abc"]
        return fixed_start(compose_config([*TINY, *overrides]))

    whole = fixed(large.training_id[:8])
    assert whole is not None and re.fullmatch(rf"{large.training_id}@60", whole)
    assert fixed(whole) == whole
    assert fixed("null") is None and fixed(str(outputs / "large")) is None
