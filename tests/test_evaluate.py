"""Metrics of any ABC file."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.config import data_config
from musicgen.metrics.abc_files import read_abc_text
from tests.commands import run
from tests.soak.commands import small_tune


def test_copied_tunes_are_detected(corpus: Path, tmp_path: Path) -> None:
    tunes = tmp_path / "mine.abc"
    tunes.write_text("\n\n".join(small_tune(number) for number in (3, 5, 11)) + "\n\nX:9\nK:C\nCDE|\n")
    result = tmp_path / "result.json"
    done = run(
        "evaluate",
        *(str(tunes), "--reference", str(corpus), "--json", str(result), "--cache", str(tmp_path / "cache")),
        *("--requested", "8"),
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(result.read_text())
    assert set(content) == {"metrics", "reference", "floor", "reasons"}
    # Three of eight: the fourth tune has no meter, and four are missing.
    assert content["metrics"]["validity/tune_rate"] == pytest.approx(3 / 8)
    assert content["metrics"]["originality/copied_share"] > 0.9
    for name, value in content["metrics"].items():
        assert (value is None) == (name in content["reasons"])
        assert value is None or math.isfinite(value)
    assert set(content["reference"]["validity/bar_rate"]) == {"mean", "sd"}
    assert "copied share: " in done.stdout and "worse than 5-gram tunes" in done.stdout


def test_dropped_tunes_are_printed(corpus: Path, tmp_path: Path) -> None:
    book = tmp_path / "book.abc"
    book.write_text(corpus.read_text() + "\n\n" + small_tune(0) + "\n\nT:No number\nK:C\nCDE|\n")
    arguments = (str(book), "--reference", str(book), "--cache", str(tmp_path / "cache"))
    done = run("evaluate", *arguments)
    assert done.returncode == 0, done.stderr
    *_, tunes, reference, summary, faults, _ = done.stdout.strip().split("\n")
    assert "42 tunes read, dropped: 1 without X:" in tunes
    assert "42 tunes read, dropped: 1 duplicate, 1 without X:; 40 kept" in reference
    assert summary.startswith("41 tunes against 40")
    assert faults.startswith("tunes, by their gravest fault: ")


def test_tunes_and_reference_may_be_tables(corpus: Path, tmp_path: Path) -> None:
    tunes, reference, result = (tmp_path / name for name in ("tunes.json", "reference.csv", "result.json"))
    tunes.write_text(json.dumps([{"abc": small_tune(number)} for number in (3, 5, 11)]))
    with reference.open("w", newline="") as file:
        csv.writer(file).writerows([["abc"], *([tune] for tune in corpus.read_text().split("\n\n"))])
    arguments = ("--reference", str(reference), "--json", str(result), "--cache", str(tmp_path / "cache"))
    done = run("evaluate", str(tunes), *arguments)
    assert done.returncode == 0, done.stderr
    assert "3 tunes against 40 of file" in done.stdout
    assert json.loads(result.read_text())["metrics"]["originality/copied_share"] > 0.9


@pytest.mark.parametrize(
    ("tunes", "reference", "more", "line"),
    [
        ("other.json", "corpus", [], 'other.json has no field "abc"'),
        ("none.abc", "corpus", [], "none.abc: no such file"),
        ("words.txt", "corpus", [], "no tune found"),
        ("corpus", "nowhere", [], "nowhere: no such file"),
        ("corpus", "corpus", ["--requested", "3"], "has more tunes (40)"),
    ],
)
def test_bad_input_is_one_line(
    tunes: str, reference: str, more: list[str], line: str, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("nothing but words\n")
    (tmp_path / "other.json").write_text('[{"name": "x"}]')
    places = {name: str(corpus if name == "corpus" else tmp_path / name) for name in (tunes, reference)}
    done = run("evaluate", places[tunes], "--reference", places[reference], *more)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert line in done.stderr


@pytest.mark.parametrize(
    "place", ["Bücher.abc", r"back\slash.abc", "a,b [c] {d}.abc", "${seed}.abc", 'q"q.abc']
)
def test_a_reference_may_have_any_name(place: str) -> None:
    assert data_config(place).path == place


def test_tunes_are_cleaned_only_if_the_corpus_is() -> None:
    text = 'X:1\nT:Own\nN:a note\nM:4/4\nL:1/8\nK:C\n"Am"CDEF GABc|'
    raw = replace(data_config("mine.abc"), clean=False, keep_fields=[])
    assert read_abc_text(text, raw, "mine").tunes == [text]
    (cleaned,) = read_abc_text(text, data_config("mine.abc"), "mine").tunes
    assert "a note" not in cleaned and "Am" not in cleaned and "K:C" in cleaned
