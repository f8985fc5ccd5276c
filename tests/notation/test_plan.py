import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from musicgen.config import compose_config
from musicgen.corpus.corpus import load_corpus
from musicgen.notation.place import PlaceReader
from musicgen.notation.plan import PlanReader, with_plan, without_later_plans, without_plan
from musicgen.notation.spelling import Spelling

HEADER = "X:1\nT:A r: b\nM:4/4\nL:1/8\nK:C\n"


def plan_of(body: str) -> str:
    return with_plan(HEADER + body).removeprefix(HEADER).split("\n")[0]


def read(text: str) -> NDArray[np.int64]:
    """What a PlanReader returns after each character of the text, [T, 4]."""
    codes = np.array([ord(character) for character in text], np.int64)[:, None]
    places, events = PlaceReader(1).read(codes)
    return PlanReader(1).read(codes, places, events)[:, 0]


@pytest.mark.parametrize(
    ("body", "plan"),
    [
        ("c8|d8|e8|c8|", "r:4C"),
        ("G|c8|d6:|\n|:e8|g8:|", "r:2d2G"),
        ("c8|d8||e8|c8|]", "r:2D2C"),
        ("c8|d8", "r:2D"),
        ("c8|1d8:|2e8||", "r:2E"),
        ('"Am"c8|"F"d4z4|', "r:2D"),
        ("{b}c8|[ceg]8|{a}z8|", "r:3C"),
        ("z8|z8|", "r:2Z"),
    ],
)
def test_a_plan_has_the_bars_and_the_last_note_of_each_section(body: str, plan: str) -> None:
    assert plan_of(body) == plan


def test_a_text_without_music_has_no_plan() -> None:
    assert with_plan("X:1\nT:A") == "X:1\nT:A"
    assert with_plan(HEADER) == HEADER


def test_the_bars_left_of_the_section_are_counted_down() -> None:
    text = "\n" + HEADER + "r:2c1G\nG|c8|d6:|e8|"
    left = read(text)
    assert not left[text.index("r:")].any()
    bars_left = [left[place, 0] - 1 for place, character in enumerate(text) if character == "|"]
    # After the pickup, the first bar, the repeat sign (the second section), and its end.
    assert bars_left == [2, 1, 1, 0]
    in_first, in_second = left[text.index("c8")], left[text.index("e8")]
    assert in_first[1] != in_second[1]
    assert (in_first[2], in_second[2]) == (2, 1)


def test_sections_that_end_alike_are_known() -> None:
    text = "\n" + HEADER + "r:1C1C1D\nc8||e4c4||d8||"
    alike = [bool(read(text)[text.index(music), 3]) for music in ("c8", "e4", "d8")]
    assert alike == [False, True, False]


def test_nothing_is_left_after_the_last_section() -> None:
    assert read("\n" + HEADER + "r:1C\nc8||")[-1].tolist() == [0, 0, 0, 0]


def test_the_next_tune_has_its_own_plan() -> None:
    tune = HEADER + "r:3C1D\nc8|\n\n"
    twice = read("\n" + tune + tune)
    assert (twice[1 + len(tune) :] == twice[1 : 1 + len(tune)]).all()


@given(st.text(alphabet="r:123|cCzZ\nK[]", min_size=1, max_size=60))
def test_a_plan_is_removed_exactly(body: str) -> None:
    tune = HEADER + body
    assert without_plan(with_plan(tune)) == tune


def test_plans_below_later_keys_are_removed_and_remarks_stay() -> None:
    tune = HEADER + "C8|]\nK:G\nr:8g8g\nG8|]\nK:D\nr:as in Kerry\nD8|]"
    assert without_later_plans(tune) == tune.replace("r:8g8g\n", "")
    assert Spelling(has_plan=True).read(with_plan(tune)) == tune.replace("r:8g8g\n", "")


@given(st.text(alphabet="r:0123456789|cCzZ\nK[]é", max_size=60))
def test_hostile_plans_stay_within_their_limits(body: str) -> None:
    found = read("\n" + HEADER + "r:" + body)
    assert found.min() >= 0
    assert found[:, 0].max() <= 100 and found[:, 1].max() <= 15 and found[:, 2].max() <= 12


def test_reading_in_parallel_and_in_pieces_changes_nothing() -> None:
    texts = ["\n" + HEADER + "r:2c1G\nG|c8|", "\n" + HEADER + "r:8C8C8Cc8|d"]
    columns = np.array([[ord(character) for character in text] for text in texts], np.int64).T
    places, events = PlaceReader(2).read(columns)
    reader = PlanReader(2)
    first = reader.read(columns[:36], places[:36], events[:36])
    reader.keep(np.array([1]))
    second = reader.read(columns[36:, 1:], places[36:, 1:], events[36:, 1:])
    assert (np.concatenate([first[:, 1], second[:, 0]]) == read(texts[1])).all()


def test_planned_sections_of_a_corpus_end_where_planned() -> None:
    tunes = load_corpus(compose_config(["data=ryans"]).data).tunes[:200]
    planned = [with_plan(tune) for tune in tunes]
    assert [without_plan(tune) for tune in planned] == list(tunes)
    ends = [read("\n" + tune)[-1, 2] for tune in planned]
    # The last section may end without a sign, and then one is still open.
    assert sum(left <= 1 for left in ends) >= 0.98 * len(ends)
