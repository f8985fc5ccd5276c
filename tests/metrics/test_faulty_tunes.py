"""`evaluate` names tunes for what they are: real, in circles, cut off, or ending off their tonic."""

import csv
from pathlib import Path

import pytest

from musicgen.evaluate import main
from musicgen.metrics.tunes import read_tunes
from tests.metrics.faulty_tunes import cut_off, looped, off_its_tonic


@pytest.mark.slow
def test_evaluate_names_each_tune_for_what_it_is(
    oneills: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = [tune.text for tune in read_tunes(oneills[:120]) if tune.judgement.is_strictly_sound]
    book = [*sound[:20]]
    for place, make_faulty in ((20, looped), (30, cut_off), (40, off_its_tonic)):
        book += map(make_faulty, sound[place : place + 10])
    (tmp_path / "book.abc").write_text("\n\n".join(book))
    (tmp_path / "corpus.abc").write_text("\n\n".join(oneills[200:260]))
    table, cache = tmp_path / "tunes.csv", str(tmp_path / "cache")
    arguments = [str(tmp_path / "book.abc"), "--reference", str(tmp_path / "corpus.abc"), "--cache", cache]
    assert main([*arguments, "--csv", str(table)]) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    wrong = [row["what_is_wrong"] for row in rows]
    assert wrong[:20] == [""] * 20 and {row["is_sound"] for row in rows[:20]} == {"True"}
    assert all(words.startswith("runs in circles: a period of") for words in wrong[20:30])
    assert wrong[30:40] == ["cut off"] * 10
    assert all(words.startswith("ends on ") and ", not on the tonic " in words for words in wrong[40:])
    assert {row["is_sound"] for row in rows[20:]} == {"False"} and len(rows) == 50
    assert [row["tune"] for row in rows] == [str(number) for number in range(1, 51)]
    assert all(row["nearest_tune"] and row["longest_copy"] for row in rows)
    printed = capsys.readouterr().out
    assert "20 sound, 10 cut off, 10 in circles, 10 ending off the tonic" in printed
    assert "ended rate: " in printed and "0.8000" in printed
