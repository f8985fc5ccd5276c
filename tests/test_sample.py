"""Sampling more tunes from a trained run."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.notation.parsing import parse_tune
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, read_rows
from musicgen.records.sampled_tunes import split_tunebook
from musicgen.run.resample import header_fields_of
from musicgen.sample import _parse_arguments  # pyright: ignore[reportPrivateUsage]
from tests.commands import last_line, run, train


@pytest.fixture(scope="module")
def run_directory(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    quick = ("rendering=none", "rendering.plots=false", "tracker=none")
    return last_line(train(corpus, tmp_path_factory.mktemp("outputs"), *quick))


def test_prompts_and_temperatures_can_be_changed(run_directory: Path) -> None:
    done = run(
        "sample",
        *(str(run_directory), "--temperature", "0.5", "--prompt", r"M:4/4\nK:C\n", "--num-tunes", "3"),
        *("--render", "1"),
    )
    folder = last_line(done)
    assert folder.parent == run_directory / "samples"
    with (folder / "tunes.csv").open(newline="") as file:
        tunes = list(csv.DictReader(file))
    assert [(tune["prompt"], tune["temperature"]) for tune in tunes] == [("M:4/4\nK:C\n", "0.5")] * 3
    assert (folder / "tunes.abc").read_text().count("\nM:4/4\nL:1/8\nK:C\n") == 3
    rendered = [f"{int(tune['index']):03d}" for tune in tunes if tune["rendered"] == "True"]
    assert len(rendered) == 1
    assert [path.stem for path in (folder / "tunes").glob("*.abc")] == rendered


def test_wishes_make_headers_and_kept_tunes(run_directory: Path) -> None:
    options = ["--prompt", "X:", "--key", "C major", "--meter", "C", "--range", "C4-C5", "--num-tunes", "4"]
    done = run("sample", str(run_directory), *options, "--max-draws", "4", "--render", "0")
    folder = last_line(done)
    tunes = split_tunebook((folder / "tunes.abc").read_text())
    assert [(parse_tune(tune).header("M"), parse_tune(tune).header("K")) for tune in tunes] == [
        ("4/4", "C")
    ] * 4
    kept = [int(row["index"]) for row in read_rows(folder / "tunes.csv") if row["kept"] == "True"]
    assert re.findall(r"(?m)^X:(\d+)\nN:", (folder / "kept.abc").read_text()) == [str(n + 1) for n in kept]
    assert done.stderr.startswith(f"{len(kept)} of 4 draws kept: in the range C4-C5")


def test_a_run_without_recorded_headers_uses_its_tunes(run_directory: Path, tmp_path: Path) -> None:
    record = RunRecord.read(run_directory)
    older = replace(record, corpus={"name": "file"})
    run_of_that = FoundRun(run_directory, older)
    assert set(header_fields_of(run_of_that).orders) == {"XTRMLK"}
    assert header_fields_of(FoundRun(run_directory, record)).orders == {"XTRMLK": 32}


def test_a_damaged_record_of_headers_is_one_line(run_directory: Path) -> None:
    record = replace(RunRecord.read(run_directory), corpus={"headers": {"orders": {"XK": "many"}}})
    with pytest.raises(InputError, match=r"run\.json: corpus\.headers: orders\.XK: "):
        header_fields_of(FoundRun(run_directory, record))


def test_without_changes_the_tunes_are_the_same(run_directory: Path, tmp_path: Path) -> None:
    folder = last_line(run("sample", str(run_directory), "--out", str(tmp_path / "again")))
    assert (folder / "tunes.abc").read_text() == (run_directory / "tunes.abc").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--prompt", "é"], "has the character 'é' at position 0"),
        (["--temperature", "-1"], "sampling.temperature"),
        (["--num-tunes", "0"], "sampling.num_tunes=0"),
        (["--key", "Q"], "sampling.key='Q': no training tune has it; the commonest are C"),
        (
            ["--range", "kazoo"],
            "range='kazoo': two notes are needed, such as D4-B5, or one of whistle, flute",
        ),
    ],
)
def test_bad_input_is_one_line(run_directory: Path, arguments: list[str], line: str) -> None:
    done = run("sample", str(run_directory), *arguments)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert line in done.stderr


def test_other_folders_are_rejected(tmp_path: Path) -> None:
    done = run("sample", str(tmp_path))
    assert done.returncode == 1 and "is not a run directory" in done.stderr


def test_none_drops_a_wish_or_limit_of_the_run() -> None:
    given = vars(_parse_arguments(["RUN", "--key", "none", "--top-k", "none", "--top-p", "0.9"]))
    assert (given["key"], given["top_k"], given["top_p"]) == (None, None, 0.9)
    assert "meter" not in given, "the run's own wish stays"
