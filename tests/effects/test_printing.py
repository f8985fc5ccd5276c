"""What is printed after a sweep: the largest effects first, sentences that agree with the rows, trades."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from musicgen.effects.printing import print_summary
from musicgen.effects.summary import summarise
from musicgen.records.runs import FoundRun
from tests.records.made_runs import LOSS, RATE, made_study

LEVELS = {0.005: [1.0, 1.1, 1.2], 0.01: [0.90, 1.01, 1.10], 0.02: [1.50, 1.62, 1.7], 0.04: [1.0, 1.3, 1.1]}


def printed(runs: Sequence[FoundRun], out: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_summary(summarise(runs, out, draws=False), [LOSS, RATE])
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def study(declared: Mapping[str, object] | None = None) -> list[FoundRun]:
    runs = made_study(LEVELS, study=declared)
    for place, run in enumerate(runs):
        run.record.metrics[RATE] = 0.5 + 0.001 * (place % 3)
    return runs


def test_the_largest_effect_comes_first_and_each_row_has_its_grade(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(study(), tmp_path, capsys)
    start = lines.index("fit/validation_loss, lower is better")
    rows = [" ".join(line.split()) for line in lines[start + 1 : start + 5]]
    assert rows == [
        "change baseline → changed difference [95 %] seeds that agree grade",
        "learning_rate=0.02 1.100 → 1.607 +0.507 [+0.478, +0.535] 3/3 clear: worse",
        "learning_rate=0.01 1.100 → 1.003 −0.097 [−0.111, −0.082] 3/3 clear: better",
        "learning_rate=0.04 1.10 → 1.13 +0.03 [−0.35, +0.41] 1/3 unclear",
    ]
    assert (
        "Validation loss is clearly better with learning_rate=0.01; clearly worse with " in (lines[start + 5])
    )
    assert "Sound rate: every change left it as it was, in every seed." in lines
    trades = lines.index("what gets better and what worse")
    assert lines[trades + 1 : trades + 4] == [
        "learning_rate=0.02: worse: validation loss 1.10 → 1.61.",
        "learning_rate=0.01: better: validation loss 1.10 → 1.00.",
        "No headline metric gets likely better or worse with learning_rate=0.04.",
    ]


def test_likely_effects_come_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = study({"primary_metrics": [LOSS], "stages": {"confirm": 2, "seeds": 8}})
    text = "\n".join(printed(runs, tmp_path, capsys))
    assert "likely: worse" in text and "clear: " not in text
    assert "“likely” claims nothing: of 20 changes without effect, one looks likely" in text
