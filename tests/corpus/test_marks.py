from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.corpus.marks import ANNOTATION, BOWING, CHORD_SYMBOL, DECORATION, FINGERING, without_marks
from musicgen.corpus.tunes import clean_tune
from musicgen.notation import parse_tune

MARKS = {
    "!1!": FINGERING,
    "+5+": FINGERING,
    "u": BOWING,
    "v": BOWING,
    "!downbow!": BOWING,
    "!trill!": DECORATION,
    "!D.C. al fine!": DECORATION,
    "+trill+": DECORATION,
    '"^slowly"': ANNOTATION,
    '"<("': ANNOTATION,
    '"@1,2 x"': ANNOTATION,
    '"Am7/G"': CHORD_SYMBOL,
    '"Fine"': CHORD_SYMBOL,
}
MUSIC = [
    *("A", "^c/2", "B,,", "d'3", "z", "[CEG]2", "[C-E-]", "{ab}", "~", "T", ".", "(3", "(", ")", "-", ">"),
    *(
        "<<",
        "2",
        "|",
        ":|",
        "[1",
        "::",
        " ",
        "y",
        "$",
        "!",
        "+",
        "\\",
        "&",
        "[K:G]",
        "[r:u v]",
        ":",
        "%",
        '"',
    ),
    *("H", "w", "]", "["),
]


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_removed_and_counted(mark: str) -> None:
    line, dropped = without_marks(f"AB {mark}c2|{mark}d", keep_chord_symbols=False)
    assert (line, dropped) == ("AB c2|d", Counter({MARKS[mark]: 2}))


def test_chord_symbols_stay_by_choice() -> None:
    line = '"Am"AB"^so"c|'
    assert without_marks(line, keep_chord_symbols=True) == ('"Am"ABc|', Counter({ANNOTATION: 1}))


@pytest.mark.parametrize("line", ["~A.BTc|", "{g}A|", "[CEG]|1 A|2 B:|", "yA$|", "A!B c|d", "[r:u!p!v]A|"])
def test_everything_else_stays(line: str) -> None:
    assert without_marks(line, keep_chord_symbols=False) == (line, Counter())


def test_marks_in_chords_and_grace_notes_are_removed() -> None:
    line, dropped = without_marks('["^top"CE!5!G]2{"^b"c/!p!d/}A', keep_chord_symbols=False)
    assert line == "[CEG]2{c/d/}A"
    assert dropped == Counter({ANNOTATION: 2, FINGERING: 1, DECORATION: 1})


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [('A"x",B|', "A ,B|"), ('A|"x"|B', "A| |B"), ('!A"x y"B!c|', "!A B!c|"), ("Au2|", "A 2|")],
)
def test_tokens_around_a_mark_stay_apart(line: str, cleaned: str) -> None:
    assert without_marks(line, keep_chord_symbols=False)[0] == cleaned


@pytest.mark.parametrize("line", ['"^x"w:la|', '"x"M:3/4', "[C!5!-E]"])
def test_a_line_that_would_read_differently_keeps_its_marks(line: str) -> None:
    assert without_marks(line, keep_chord_symbols=False) == (line, Counter())


def bars(tune: str) -> list[object]:
    return [(bar.notes, bar.is_valid, bar.meter) for bar in parse_tune(tune).bars]


@given(st.lists(st.lists(st.sampled_from([*MARKS, *MUSIC, "A", "B2"]), max_size=12).map("".join), max_size=3))
def test_removing_marks_changes_no_note_and_no_bar(lines: list[str]) -> None:
    tune = "\n".join(["X:1\nM:4/4\nL:1/8\nK:D", *lines])
    cleaned = clean_tune(tune, frozenset("XMLK"))
    assert bars(cleaned) == bars(tune)
