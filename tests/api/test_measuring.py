"""Metrics of any tunes."""

import json
import math
from pathlib import Path

import pytest
from pandas import DataFrame

import musicgen
from musicgen.evaluate import main as evaluate_command
from tests.soak.commands import small_tune

SOUND = "X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|c8|]"


def numbers(table: DataFrame, column: str) -> dict[str, float]:
    """Metric -> number, without missing ones."""
    return {name: row[column] for name, row in table.to_dict("index").items() if not math.isnan(row[column])}


def test_a_table_has_the_numbers_of_the_command(place: Path, run: musicgen.Run, tmp_path: Path) -> None:
    tunes, reference, cache = run.directory / "tunes.abc", place / "my-tunes.abc", tmp_path / "cache"
    table = musicgen.evaluate(tunes, reference, requested=9, cache=cache)
    arguments = [str(tunes), "--reference", str(reference), "--requested", "9", "--cache", str(cache)]
    assert evaluate_command([*arguments, "--json", str(tmp_path / "all.json")]) == 0
    written = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    values = {name: value for name, value in written["metrics"].items() if value is not None}
    real = written["reference"]
    assert list(table.index) == list(written["metrics"])
    assert numbers(table, "value") == pytest.approx(values)
    assert numbers(table, "floor") == pytest.approx(written["floor"])
    assert numbers(table, "reference") == pytest.approx({name: one["mean"] for name, one in real.items()})
    assert numbers(table, "reference_sd") == pytest.approx({name: one["sd"] for name, one in real.items()})
    rows = table.to_dict("index")
    assert {name: row["reason"] for name, row in rows.items() if row["reason"]} == written["reasons"]
    assert {name for name, row in rows.items() if row["standing"]} == set(values) & set(real)


def test_texts_give_the_same_as_their_file(place: Path, run: musicgen.Run, tmp_path: Path) -> None:
    reference, cache = str(place / "my-tunes.abc"), tmp_path / "cache"
    of_file = musicgen.evaluate(run.directory / "tunes.abc", reference, cache=cache)
    assert musicgen.evaluate(run.songs, reference, cache=cache).equals(of_file)
    assert musicgen.evaluate(run.songs.text, reference, cache=cache).equals(of_file)
    assert musicgen.evaluate(run.tunes["abc"], reference, cache=cache).equals(of_file)


def test_a_text_without_a_number_is_a_tune(place: Path, tmp_path: Path) -> None:
    bare = [text.partition("\n")[2] for text in (small_tune(1), SOUND)]
    table = musicgen.evaluate(bare, place / "my-tunes.abc", cache=tmp_path)
    assert numbers(table, "value")["validity/complete_rate"] == 1


def test_metrics_without_a_corpus_equal_those_with_one(place: Path, tmp_path: Path) -> None:
    tunes = [small_tune(number) for number in range(5)]
    alone = musicgen.measure(tunes)
    values = numbers(musicgen.evaluate(tunes, place / "my-tunes.abc", cache=tmp_path), "value")
    assert {name.partition("/")[0] for name in alone} == {"validity", "diversity", "structure"}
    assert alone["validity/sound_rate"] == values["validity/sound_rate"] == pytest.approx(0.2)
    for name in ("validity/parse_rate", "structure/lag_repeat", "diversity/unique_tunes"):
        assert alone[name] == pytest.approx(values[name])


def test_no_tunes_have_no_values() -> None:
    assert set(musicgen.measure([]).values()) == {None}


def test_a_single_text_is_one_tune() -> None:
    assert (
        musicgen.measure(SOUND)
        == musicgen.measure([SOUND])
        == musicgen.measure([SOUND.replace("\n", "\r\n")])
    )


def test_a_judgement_says_what_is_wrong() -> None:
    assert musicgen.judge(SOUND).is_sound and musicgen.judge(SOUND).words == "sound"
    assert musicgen.judge(SOUND, reached_end=False).words == "cut off"
    assert musicgen.judge(SOUND.replace("c8", "d8")).words == "ends on D, not on the tonic C"


def test_carriage_returns_alone_end_lines_too() -> None:
    assert musicgen.judge(SOUND.replace("\n", "\r")).is_sound


def test_a_path_is_not_judged_as_a_tune() -> None:
    with pytest.raises(musicgen.InputError, match=r"'tunes.abc' is not a tune; give the text of one"):
        musicgen.judge("tunes.abc")


@pytest.mark.parametrize(
    ("abc", "reference", "line"),
    [
        ("none.abc", "my-tunes.abc", "^data.path=none.abc: no such file"),
        ("words\nand more", "nowhere", "nowhere: no such file"),
        ("words\rand more", "nowhere", "nowhere: no such file"),
        ([], "my-tunes.abc", "^the ABC text: no tune found"),
    ],
)
def test_bad_input_is_one_line(
    abc: object, reference: str, line: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(musicgen.InputError, match=line):
        musicgen.evaluate(abc, reference)  # pyright: ignore[reportArgumentType]
