"""Tunes from JSON and CSV, in the formats of collections on the web."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from musicgen.corpus import tables
from musicgen.corpus.corpus import load_corpus
from musicgen.corpus.tables import read_csv, read_json
from musicgen.corpus.tunebook import read_tunebook
from musicgen.errors import InputError
from tests.corpus.test_corpus import data_config

# Made up, in the form of https://github.com/adactio/TheSession-data.
SETTING = {
    "tune_id": "12",
    "setting_id": "34",
    "name": "Mary's, The",
    "type": "jig",
    "meter": "6/8",
    "mode": "Gdorian",
    "abc": '|:"Gm"GAB dBG|~A3 =FDF:|\r\n|:d^cd !fermata!g2a|b3 g3:|',
    "date": "2001-05-18 10:00:00",
    "username": "someone",
}
OTHER = {
    **SETTING,
    "setting_id": "35",
    "name": "Other",
    "type": "reel",
    "meter": "4/4",
    "mode": "Amajor",
    "abc": "A2BA cAec|",
}
TUNES = [
    "X:34\nT:Mary's, The\nR:jig\nM:6/8\nL:1/8\nK:Gdorian\n"
    '|:"Gm"GAB dBG|~A3 =FDF:|\n|:d^cd !fermata!g2a|b3 g3:|',
    "X:35\nT:Other\nR:reel\nM:4/4\nL:1/8\nK:Amajor\nA2BA cAec|",
]


def as_csv(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def tunes_of(*rows: Mapping[str, object]) -> list[str]:
    return read_tunebook(read_json(json.dumps(rows), "tunes.json")).tunes


def test_a_setting_gets_a_header_from_its_fields() -> None:
    assert read_tunebook(read_json(json.dumps([SETTING, OTHER]), "tunes.json")).tunes == TUNES


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_reads_like_json(delimiter: str) -> None:
    text = as_csv([SETTING, OTHER], delimiter).replace("\r\n", "\n")
    assert read_tunebook(read_csv(text, "tunes.csv")).tunes == TUNES
    padded = "\n" + text.replace("abc", " ABC ", 1) + "\n\n"
    assert read_tunebook(read_csv(padded, "tunes.csv")).tunes == TUNES


def test_whole_tunes_stay_as_they_are() -> None:
    abc = "X:7\nL:1/8\nM:6/8\nK:Em\n|: EFG B3 :|\n"
    row = {"abc notation": abc, "control code": "S:1\nB:1\n"}
    assert tunes_of(row, row | {"mode": "Gmajor", "name": "unused"}) == [abc.strip()] * 2


def test_json_lines_are_read() -> None:
    lines = [json.dumps(row) for row in (SETTING, OTHER)]
    for count in (1, 2):
        text = "\n".join(lines[:count]) + "\n"
        assert read_tunebook(read_json(text, "tunes.jsonl")).tunes == TUNES[:count]


def test_a_header_has_only_what_is_known() -> None:
    rows = [{"abc": "M:3/4\nK:D\nDFA|"}, {"abc": "DFA|", "key": "D"}, {"abc": "DFA|", "setting_id": "?"}]
    assert tunes_of(*rows) == ["X:1\nM:3/4\nK:D\nDFA|", "X:2\nL:1/8\nK:D\nDFA|", "X:3\nDFA|"]


def test_a_field_stays_on_its_line() -> None:
    (tune,) = tunes_of(SETTING | {"name": "One\r\nX:99\nK:C\nCCC|", "setting_id": "1\nK:F", "abc": "A|"})
    assert tune == "X:1\nT:One X:99 K:C CCC|\nR:jig\nM:6/8\nL:1/8\nK:Gdorian\nA|"


def test_exclamation_marks_that_break_lines_become_line_breaks() -> None:
    (tune,) = tunes_of(SETTING | {"abc": "|:A2 !trill!B2|!c2 d2|! !e2 f2:|!\nw:O! O!"})
    assert tune.split("K:Gdorian\n")[1] == "|:A2 !trill!B2|\nc2 d2|\ne2 f2:|\nw:O! O!"


def test_empty_lines_do_not_end_a_setting() -> None:
    (tune,) = tunes_of(SETTING | {"abc": "\r\nA2|\r\n \r\n\r\nB2|\r\n"})
    assert tune.endswith("K:Gdorian\nA2|\nB2|")


def test_a_text_block_left_open_hides_no_other_tune() -> None:
    tunes = tunes_of(SETTING | {"abc": "A|\n%%begintext\nwords"}, OTHER, OTHER | {"abc": "B|\n%%endtext"})
    assert len(tunes) == 3 and tunes[1] == TUNES[1]


def test_rows_without_music_are_counted(tunebook: Path) -> None:
    tunes = tunebook.read_text().split("\n\n")
    rows = [{"abc": tune} for tune in tunes] + [
        SETTING | {"abc": None},
        {"abc": 7},
        {"name": "x"},
        {"abc": tunes[0]},
    ]
    path = tunebook.with_name("tunes.json")
    path.write_text(json.dumps(rows))
    report = load_corpus(data_config(path)).report
    assert (report.tunes_read, report.num_tunes) == (44, 40)
    assert report.dropped == {"without notes": 1, "without key": 2, "duplicate": 1}
    assert report.lines()[0].startswith("44 tunes read, dropped: ")


def test_odd_json_is_read_as_usual() -> None:
    text = '[{"abc": "C|", "abc": "D|", "mode": "D", "x": NaN, "meter": -Infinity, "id": %s}]' % ("9" * 5000)
    assert read_tunebook(read_json(text, "x.json")).tunes == ["X:1\nL:1/8\nK:D\nD|"]
    (tune,) = read_tunebook(read_json(r'[{"abc": "D\u0000E\ud800F\ufeff|", "mode": "D"}]', "x.json")).tunes
    assert tune.encode().endswith(b"K:D\nDEF|")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not valid JSON: Expecting property name .*; expected a list of objects"),
        ('[{"abc": "A|"},]', "is not valid JSON"),
        ('{"abc": "A|"', "is not valid JSON"),
        ('{"tunes": []}', 'has no field "abc" or "abc notation"; its fields: \'tunes\''),
        ('["A|"]', "contains other JSON; expected a list of objects"),
        ("7", "contains other JSON"),
        ("[]", 'has no field "abc" or "abc notation"; its fields: none'),
        ('[{"title": "A", "a\\nb": 1}]', r".*its fields: 'title', 'a\\nb'"),
        ("[" * 100_000, "is nested too deeply"),
        ('[{"abc": ' * 100_000, "is nested too deeply"),
    ],
    ids=lambda text: text[:30],
)
def test_other_json_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=f"^data.path: some.json {complaint}") as error:
        read_json(text, "some.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title,notes\nA,B\n", " has no field \"abc\" or \"abc notation\"; its fields: 'title', 'notes'"),
        ("name|abc\nA|B\n", " has no field"),
        ("name,abc\nA,B|,c\n", ", line 2: 3 fields, but the first line has 2; a field with ','"),
        ("name,abc\nA,B|\nA\n", ", line 3: 1 fields"),
        ('name,abc\nA,"B|\n' + "A,CDE|\n" * 20_000, r", line \d+: field larger .*quotation mark missing"),
        ("abc" * 10_000_000, " has no field"),
    ],
    ids=lambda text: text[:30],
)
def test_other_csv_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=f"^data.path: some.csv{complaint}") as error:
        read_csv(text, "some.csv")
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_TUNES", 1)
    with pytest.raises(InputError, match="has 2 tunes; at most 1 are allowed"):
        tunes_of(SETTING, OTHER)
