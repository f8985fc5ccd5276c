"""Which figures a study has, how its tables are read, and the files."""

import errno
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from musicgen.effects.figures import draw as figures
from musicgen.effects.figures.arms import Arm, level_of, shown_level
from musicgen.effects.figures.draw import draw_all, draw_on_all_cores, study_drawings, write_figures
from tests.effects.invented_study import (
    CELL,
    LEARNING_RATE,
    LOSS,
    InventedStudy,
    drawn,
    smallest_text,
    texts,
)


@pytest.fixture(scope="module")
def two_parameters() -> InventedStudy:
    return InventedStudy({LEARNING_RATE: (0.005, [0.001, 0.01]), CELL: ("lstm", ["gru"])})


def test_every_text_is_readable(two_parameters: InventedStudy) -> None:
    for figure in two_parameters.figures().values():
        assert smallest_text(drawn(figure)) >= 8


def test_nothing_to_draw_gives_no_figure() -> None:
    assert draw_all(study_drawings(pd.DataFrame(), pd.DataFrame(), {})) == {}
    baseline = InventedStudy({})
    assert baseline.figures() == {}


def test_tables_from_csv_give_the_same_figures() -> None:
    prompts = json.dumps(["X:1\nM:6/8\nK:D\n"])
    tables = InventedStudy(
        {LEARNING_RATE: (0.005, [0.001, 0.01]), "sampling.prompts": ('["X:"]', [prompts])},
        endings={(0.001, 0): "failed"},
    )
    tables.runs[-1]["error"] = "InputError: no tune"
    tables.add_effect(
        {"parameter": "training.gradient_clip", "value": "null", "baseline_value": 1}, LOSS, 0.2, 3
    )

    def through_csv(rows: list[dict[str, Any]]) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(pd.DataFrame(rows).to_csv(index=False)))

    from_csv = draw_all(
        study_drawings(through_csv(tables.runs), through_csv(tables.effect_rows), tables.histories)
    )
    expected = tables.figures()
    assert list(from_csv) == list(expected)
    assert {name: texts(figure) for name, figure in from_csv.items()} == {
        name: texts(figure) for name, figure in expected.items()
    }


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0.01, "0.01"),
        ("0.010", "0.01"),
        (64.0, "64"),
        (None, "null"),
        (math.nan, "null"),
        ("null", "null"),
        (False, "false"),
        ("False", "false"),
        (["X:"], '["X:"]'),
        ('["X:"]', '["X:"]'),
        ("[a text", "[a text"),
        ("gru", "gru"),
    ],
)
def test_a_level_is_the_same_from_memory_and_from_csv(value: object, level: str) -> None:
    assert level_of(value) == level


def test_long_levels_keep_both_ends() -> None:
    header = "X:1\\nT:A jig\\nR:jig\\nM:6/8\\nL:1/8\\nK:D\\n"
    shorter, longer = (shown_level(json.dumps([text])) for text in (header, header + "dAF"))
    assert shorter != longer
    assert max(len(shorter), len(longer)) <= 30
    assert longer.endswith("dAF”")


@pytest.mark.parametrize(("level", "shown"), [([], "none"), ([4, 8], "4, 8"), (["X:", "T:"], "“X:”, “T:”")])
def test_lists_are_shown_by_what_they_hold(level: list, shown: str) -> None:
    assert shown_level(level_of(level)) == shown


def test_a_joint_change_names_its_levels() -> None:
    arm = Arm("combined", "training.learning_rate=0.01 model=gru", "null")
    assert arm.label == "combined:\nlearning_rate=0.01 model=gru"


def test_files_are_the_same_each_time_and_keep_their_text(
    tmp_path: Path, two_parameters: InventedStudy
) -> None:
    first, second = (
        write_figures({"loss_curves": two_parameters.loss_curves()}, tmp_path / name)
        for name in ("first", "second")
    )
    assert [path.name for path in first] == ["loss_curves.svg", "loss_curves.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    svg = (tmp_path / "first" / "loss_curves.svg").read_text(encoding="utf-8")
    assert ">training.learning_rate</text>" in svg
    assert "<dc:date>" not in svg


def test_all_cores_draw_what_one_draws(
    tmp_path: Path, two_parameters: InventedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = two_parameters.drawings()
    forked = draw_on_all_cores(drawings, tmp_path / "forked")
    monkeypatch.setattr(figures, "num_cores", lambda: 1)
    alone = draw_on_all_cores(drawings, tmp_path / "alone")
    assert [path.name for path in forked] == [path.name for path in alone]
    assert {path.stem for path in alone} == set(two_parameters.figures())
    assert [path.read_bytes() for path in forked] == [path.read_bytes() for path in alone]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_an_error_of_a_forked_process_is_raised_here(
    tmp_path: Path, two_parameters: InventedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "num_cores", lambda: 2)

    def fail() -> None:
        raise OSError(errno.ENOSPC, f"{os.getpid()} has no room")

    with pytest.raises(OSError, match="has no room") as raised:
        draw_on_all_cores({"one": fail, "other": fail}, tmp_path)
    assert raised.value.errno == errno.ENOSPC and str(os.getpid()) not in str(raised.value)
