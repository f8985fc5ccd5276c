"""Rows of effects.csv: what may be concluded, how levels are written, and old files."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.effects.effect import (
    COLUMNS,
    EARLIER_MARGIN,
    EQUIVALENCE_MARGIN,
    Decision,
    Effect,
    effects_frame,
    level_of,
    read_effects,
    shown_level,
)
from musicgen.effects.pairing import pair_runs
from musicgen.effects.table import effects_table
from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS
from musicgen.records.runs import write_csv
from tests.records.made_runs import LOSS, RATE, made_run, made_study

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"
LEVELS = {0.005: [1.0, 1.1, 1.2, 1.31], 0.01: [1.3, 1.4, 1.5, 1.6], 0.02: [1.0, 1.101, 1.199, 1.311]}
OTHERS = {0.03: [1.2, 1.0, 1.4, 1.3], 0.04: [1.0, 1.1, 1.2, 1.31], 0.05: [1.7], 0.06: [None] * 4}


def decided() -> list[Effect]:
    """Effects with almost every decision there is."""
    uniform = {0.07: [2.0, 2.1, 2.2, 2.31]}
    return effects_table(pair_runs(made_study({**LEVELS, **OTHERS, **uniform})))


def test_the_columns_of_the_table_are_the_fields() -> None:
    table = effects_frame(effects_table(pair_runs(made_study({0.005: [1.0, 1.1], 0.01: [0.9, 0.95]}))))
    assert tuple(table.columns) == COLUMNS == tuple(field.name for field in fields(Effect))
    assert table["metric"].to_list() == [LOSS, RATE]
    empty = effects_frame(effects_table(pair_runs([made_run()])))
    assert tuple(empty.columns) == COLUMNS and empty.empty


def test_the_default_margins_are_those_of_the_config() -> None:
    assert compose_config([]).study.equivalence_margin == EQUIVALENCE_MARGIN
    assert set(EQUIVALENCE_MARGIN) <= set(METRICS)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    effects = decided()
    assert {effect.decision for effect in effects} == set(Decision) - {Decision.LOWERS}
    write_csv(effects_frame(effects), tmp_path / "effects.csv")
    texts = [
        replace(one, value=str(one.value), baseline_value=str(one.baseline_value), verdict="", answer="")
        for one in effects
    ]
    read = [replace(one, verdict="", answer="") for one in read_effects(tmp_path / "effects.csv")]
    assert repr(read) == repr(texts)


def test_decisions_of_an_older_table_follow_from_its_numbers(tmp_path: Path) -> None:
    effects = decided()
    later = ["decision", "grade", "answer", "equivalence_low", "equivalence_high", "margin", "spread"]
    write_csv(effects_frame(effects).drop(columns=later), tmp_path / "effects.csv")
    found = read_effects(tmp_path / "effects.csv")
    assert [one.decision for one in found] == [one.decision for one in effects]
    assert [one.grade for one in found] == [one.grade for one in effects]
    assert all(one.answer == "" and math.isnan(one.spread) for one in found)


@pytest.mark.parametrize(
    "table", sorted(EXPERIMENTS.glob("*/effects.csv")), ids=lambda path: path.parent.name
)
def test_kept_tables_have_the_decisions_of_their_words(table: Path) -> None:
    words = {
        "raises": Decision.RAISES,
        "lowers": Decision.LOWERS,
        "no effect larger": Decision.EQUIVALENT,
        "no detectable": Decision.INCONCLUSIVE,
        "a candidate": Decision.CANDIDATE,
        "no spread": Decision.UNIFORM,
        "identical": Decision.IDENTICAL,
        "no value": Decision.NO_VALUE,
    }
    for effect in read_effects(table):
        # The margins of other metrics are not in the table.
        if effect.decision is not Decision.INCONCLUSIVE or effect.metric in EARLIER_MARGIN:
            assert words[next(word for word in words if word in effect.verdict)] is effect.decision


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "effects.csv").write_text("parameter,value\na,b\n")
    with pytest.raises(InputError, match=r"effects\.csv: is not a table of effects"):
        read_effects(tmp_path / "effects.csv")


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
