"""Rows of effects.csv: what may be concluded, and old files."""

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from musicgen.effects.effect import (
    COLUMNS,
    Decision,
    Effect,
    effects_frame,
)
from musicgen.effects.pairing import pair_runs
from musicgen.effects.table import effects_table
from musicgen.records.runs import write_csv
from tests.effects.kept_effects import EARLIER_MARGIN, read_effects
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
