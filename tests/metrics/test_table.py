from pathlib import Path

import pytest
from rich.table import Table

from musicgen.metrics.registry import ARROWS, HEADLINE, METRICS, metric_words
from musicgen.metrics.table import (
    group_table,
    headline_table,
    metrics_table,
    shortened,
)
from musicgen.system.terminal import print_table

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
REFERENCE = {
    "validity/bar_rate": {"mean": 0.98, "sd": 0.01},
    "validity/sound_rate": {"mean": 0.74, "sd": 0.03},
    "diversity/pitch_range": {"mean": 123.4, "sd": 2.0},
}


def cells(table: Table) -> list[list[str]]:
    """The rows of a table as text."""
    return [list(map(str, row)) for row in zip(*(column.cells for column in table.columns), strict=True)]


def _label(words: str) -> str:
    return next(
        f"{words}: {metric.description}" for name, metric in METRICS.items() if metric_words(name) == words
    )


def registry_as_markdown() -> str:
    """Name, direction and meaning of every metric, one per line, with headline metrics in bold."""
    lines = ["| metric | better | meaning |", "|---|---|---|"]
    for metric in METRICS.values():
        name = f"**{metric.name}**" if metric.name in HEADLINE else metric.name
        lines.append(f"| {name} | {ARROWS[metric.direction]} | {metric.description} |")
    return "\n".join(lines) + "\n"


def test_the_docs_contain_the_table_of_the_registry() -> None:
    table = registry_as_markdown()
    assert len(table.splitlines()) == len(METRICS) + 2
    assert table in PAGE.read_text(encoding="utf-8"), f"put this into docs/evaluation.md:\n{table}"


def test_rows_have_corpus_and_floor_or_a_reason() -> None:
    table = metrics_table(
        ["validity/bar_rate", "diversity/pitch_range", "fit/test_loss", "structure/zip_ratio", "other"],
        {"validity/bar_rate": 0.95, "diversity/pitch_range": 99.96, "fit/test_loss": 1.25, "other": None},
        REFERENCE,
        {"validity/bar_rate": 0.5, "diversity/pitch_range": 100.04},
        {"structure/zip_ratio": "no tune has two notes"},
    )
    headers = [column.header for column in table.columns]
    assert headers == [
        "metric: meaning (rates: of the tunes requested)",
        "value",
        "real tunes ± SD",
        "5-gram",
        "next to real tunes",
    ]
    assert [column.justify for column in table.columns] == ["left", "right", "right", "right", "left"]
    assert cells(table) == [
        [_label("bar rate"), "0.9500", "0.9800 ± 0.0100", "0.5000", "worse: 94 % from 5-gram to real"],
        [_label("pitch range"), "99.9600", "123.4 ± 2.0000", "100.0", "worse than 5-gram tunes"],
        [_label("test loss"), "1.2500", "", "", ""],
        [_label("zip ratio"), "–", "", "", "no tune has two notes"],
        ["other", "–", "", "", ""],
    ]


def test_the_headline_table_adds_test_loss_and_parse_rate() -> None:
    names = [row[0].partition(":")[0] for row in cells(headline_table({}, {}, {}, {}))]
    assert names[:3] == ["validation loss", "test loss", "parse rate"]
    assert set(names) == {*map(metric_words, HEADLINE), "test loss", "parse rate"}
    assert len(names) == len(HEADLINE) + 2


def test_the_group_table_ends_with_real_and_5_gram_tunes() -> None:
    by = {
        "0.5": {"validity/sound_rate": 0.5, "validity/loop_rate": None, "structure/lag_repeat": 0.25},
        "1.1": {"validity/sound_rate": 0.3, "structure/lag_repeat": None},
    }
    table = group_table(by, "temperature", REFERENCE, {"validity/sound_rate": 0.02})
    assert [column.header for column in table.columns] == ["temperature", "sound\nrate", "lag\nrepeat"]
    assert cells(table) == [
        ["0.5", "0.5000", "0.2500"],
        ["1.1", "0.3000", "–"],
        ["real tunes", "0.7400", ""],
        ["± SD", "0.0300", ""],
        ["5-gram", "0.0200", ""],
    ]


def test_printed_tables_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"validity/sound_rate": 0.95, "diversity/pitch_range": 199.96}
    print_table(metrics_table(values, values, REFERENCE, {}, {}))
    by_group = {"0.5": values, "[bold]K:D": {"validity/sound_rate": 0.5}}
    print_table(group_table(by_group, "prompt", REFERENCE, {"validity/sound_rate": 0.02}))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        f"{'metric: meaning (rates: of the tunes requested)':66}   value  real tunes ± SD  5-gram  next to "
        "real tunes",
        "sound rate: tunes with right bars, an end on the tonic and no loop  0.9500  0.7400 ± 0.0300  "
        "        better than real tunes",
        f"{'pitch range: highest minus lowest pitch of a tune, in semitones':66}   200.0   123.4 ± 2.0000  "
        "        worse than real tunes (too high)",
        "             sound",
        "prompt        rate",
        "0.5         0.9500",
        "[bold]K:D   0.5000",
        "real tunes  0.7400",
        "± SD        0.0300",
        "5-gram      0.0200",
    ]


def test_a_long_meaning_takes_two_lines() -> None:
    table = metrics_table(["originality/copied_share"], {}, {}, {}, {})
    first, second = cells(table)[0][0].split("\n")
    assert first.startswith("copied share: share of notes") and second.startswith("  ")


def test_a_long_prompt_keeps_its_start_and_end() -> None:
    assert shortened("M:6/8\nK:D\n") == "M:6/8↵K:D↵"
    assert shortened("a\tb\x00c") == "a·b·c" and shortened("\x00\x1b[1m") == "··[1m"
    assert shortened("x" * 28) == "x" * 28
    long = "".join(map(chr, range(65, 65 + 50)))
    assert shortened(long) == f"{long[:9]}…{long[-18:]}" and len(shortened(long)) == 28
