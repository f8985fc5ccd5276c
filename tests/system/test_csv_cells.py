import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas import DataFrame

from musicgen.records.runs import read_rows, write_csv
from musicgen.system.csv_cells import read_cell, written_cell

FORMULAS = ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "'=1", "''=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_survives_a_round_trip_as_text(text: str) -> None:
    written = written_cell(text)
    assert written == f"'{text}" and read_cell(written) == text


@pytest.mark.parametrize(
    "value", [-0.5, 3, None, True, "-0.5", "-1e-3", "+3", "X:1", "'quoted'", "", "a=b", "null"]
)
def test_numbers_and_plain_texts_stay(value: object) -> None:
    assert written_cell(value) == value


@given(st.text(alphabet="'=+-@ \t\r\nx1\uff1d", max_size=8))
def test_any_text_survives_a_round_trip(text: str) -> None:
    written = written_cell(text)
    assert isinstance(written, str) and read_cell(written) == text
    # The written text is not a formula.
    assert written[:1] not in "=+-@\t\r" or not written or written == text


def test_a_table_with_formulas_survives_a_round_trip(tmp_path: Path) -> None:
    table = DataFrame(
        {"=name": FORMULAS, "number": [-0.5] * len(FORMULAS), "mixed": [33, None] * 5}, dtype=object
    )
    write_csv(table, tmp_path / "t.csv")
    rows = read_rows(tmp_path / "t.csv")
    assert [row["=name"] for row in rows] == [text.replace("\r", " ") for text in FORMULAS]
    assert {row["number"] for row in rows} == {"-0.5"} and [row["mixed"] for row in rows] == ["33", ""] * 5
    text = (tmp_path / "t.csv").read_text(encoding="utf-8")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert all(cell == "-0.5" or not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
