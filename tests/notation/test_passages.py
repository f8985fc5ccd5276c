"""Passages have the same meaning alone as in their tune."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.notation import parse_tune
from musicgen.notation.melodies import melody_of
from musicgen.notation.passages import Passage, cut_beginning, cut_passage, find_in_passage
from musicgen.notation.tune import Note

HEADER = "X:1\nT:A Tune\nM:4/4\nL:1/8\nK:D\n"


def cut(text: str, start: int, stop: int) -> Passage:
    passage = cut_passage(text, melody_of(parse_tune(text)), start, stop)
    assert passage is not None
    return passage


def pitches_and_durations(notes: tuple[Note, ...]) -> list[tuple[int, object]]:
    return [(note.pitch, note.duration) for note in notes]


def assert_same_notes(text: str, start: int, stop: int, passage: Passage) -> None:
    """The notes of the marked part, found by parsing the passage with and without it, equal the tune's."""
    skipped = len(parse_tune(f"{passage.fields}\n{passage.before}").notes)
    counted = len(parse_tune(f"{passage.fields}\n{passage.before}{passage.marked}").notes)
    assert counted - skipped == stop - start
    read = pitches_and_durations(parse_tune(passage.text).notes)
    assert read[skipped:counted] == pitches_and_durations(parse_tune(text).notes[start:stop])
    assert passage.before + passage.marked + passage.after in text


@pytest.mark.parametrize(
    ("body", "start", "stop", "expected"),
    [
        pytest.param("DEFG ABcd|edcB AGFE|D8|]", 1, 4, ("D", "EFG", " ABcd"), id="in one bar"),
        pytest.param(
            "DEFG ABcd|edcB AGFE|D8|]", 6, 10, ("DEFG AB", "cd|ed", "cB AGFE"), id="across a bar line"
        ),
        pytest.param("DEFG ABcd|edcB AGFE|D8|]", 0, 2, ("", "DE", "FG ABcd"), id="at the very start"),
        pytest.param("DEFG ABcd|edcB AGFE|D8|]", 14, 17, ("edcB AG", "FE|D8", ""), id="at the very end"),
        pytest.param("|:DEFG ABcd:|\nedcB", 6, 10, ("DEFG AB", "cd:|\ned", "cB"), id="across a repeat"),
        pytest.param("|:DEFG ABcd|1edcB A4:|2EFGA B4|]", 9, 15, ("e", "dcB A4:|2EF", "GA B4"), id="endings"),
        pytest.param("D8|[1E8:|[2F8|]", 1, 3, ("[1", "E8:|[2F8", ""), id="endings in brackets"),
        pytest.param("DEFG [CEA]Bcd|e8", 4, 5, ("DEFG ", "[CEA]", "Bcd"), id="a chord"),
        pytest.param('"D"DE {g}F>G "A"(3ABc d2', 3, 5, ('"D"DE {g}F>', 'G "A"(3A', "Bc d2"), id="ornaments"),
        pytest.param("D8|z8|E8|F8", 1, 2, ("", "E8", ""), id="after a bar of rest"),
    ],
)
def test_the_bars_around_the_notes_are_cut_out(
    body: str, start: int, stop: int, expected: tuple[str, str, str]
) -> None:
    passage = cut(HEADER + body, start, stop)
    assert (passage.before, passage.marked, passage.after) == expected
    assert passage.fields == "M:4/4\nL:1/8\nK:D"
    assert_same_notes(HEADER + body, start, stop, passage)


@pytest.mark.parametrize(
    ("text", "start", "fields", "before"),
    [
        pytest.param("X:1\nM:6/8\nK:C\nC3|D3|", 1, "M:6/8\nL:1/8\nK:C", "", id="no L:"),
        pytest.param("X:1\nM:2/4\nK:C\nC3|D3|", 1, "M:2/4\nL:1/16\nK:C", "", id="no L: in short bars"),
        pytest.param("X:1\nT:none\n\nC3|D3|", 1, "M:none\nL:1/8\nK:none", "", id="no M: and no K:"),
        pytest.param("X:1\nK:C\nF3|[K:G]F3|F3", 2, "M:none\nL:1/8\nK:G", "", id="a key within a line"),
        pytest.param("X:1\nK:C\nF3|\nK:G\nM:3/4\nL:1/4\nA|F3", 2, "M:3/4\nL:1/4\nK:G", "", id="field lines"),
        pytest.param("X:1\nK:C\nF3|[K:^f]F3|[K:m=B]F3|F3", 3, "M:none\nL:1/8\nK:m=B", None, id="half a key"),
        pytest.param("X:1\nK:C\n^F3-|F3|F3", 1, "M:none\nL:1/8\nK:C", "^F3-|", id="a tie over the bar line"),
        pytest.param("X:1\nK:C\nA3|F3>|G3|C3", 2, "M:none\nL:1/8\nK:C", "F3>|", id="a rhythm over it"),
        pytest.param(
            "X:1\nV:1\nV:2\nK:C\n[V:1]C3|E3|\n[V:2]G3|G3|\n[V:1]C3|D3|",
            2,
            "M:none\nL:1/8\nV:1\nK:C",
            "[V:2]G3|G3|\n[V:1]",
            id="voices",
        ),
        pytest.param("X:1\nK:C\nC3&E3|D3&F3|", 1, "M:none\nL:1/8\nK:C", "", id="a layer"),
    ],
)
def test_a_passage_includes_what_its_notes_depend_on(
    text: str, start: int, fields: str, before: str | None
) -> None:
    passage = cut(text, start, start + 1)
    assert_same_notes(text, start, start + 1, passage)
    if before is not None:
        assert (passage.fields, passage.before) == (fields, before)


def test_impossible_passages_are_none() -> None:
    melody = melody_of(parse_tune(HEADER + "DEFG"))
    assert cut_passage(HEADER + "DEFG", melody, 2, 2) is None
    assert cut_passage(HEADER + "DEFG", melody, 2, 5) is None
    assert cut_passage(HEADER + "DEF", melody, 0, 2) is None
    assert cut_passage(HEADER + "AEFG", melody, 0, 2) is None
    endless = HEADER + "DEFG" * 5000
    assert cut_passage(endless, melody_of(parse_tune(endless)), 0, 20_000) is None


def test_a_run_is_found_as_written_or_transposed() -> None:
    text = "M:4/4\nL:1/8\nK:C\nDEF2 CD|E2"
    written = find_in_passage(text, np.array([60, 62, 64]))
    assert written == Passage("M:4/4\nL:1/8\nK:C", "DEF2 ", "CD|E2", "")
    moved = find_in_passage(text, np.array([72, 74, 75]))
    assert moved is not None and moved.marked == "DEF2" and moved.text == text
    assert find_in_passage(text, np.array([60, 73])) is None
    assert find_in_passage("zzz|", np.array([60])) is None
    assert find_in_passage(text, np.zeros(0, np.int64)) is None


_word = st.sampled_from(
    (
        *"CDEFGABcdefg",
        *("^F", "_B", "=c", "c'", "C,", "F2", "G/", "A3/2", "z", "x2", "A-", "^G-", "A>B", "c<d", "B>>c"),
        *("(3ABc", "(2de", "[CEG]", "[FA]2", "{gf}", '"Am"', "~", "!fermata!", "(", ")", " ", "  ", "\n"),
        *(
            "[K:G]",
            "[K:Am]",
            "[L:1/16]",
            "[M:6/8]",
            "\nK:Bb\n",
            "\nL:1/4\n",
            "\nM:9/8\n",
            "& E",
            "\n% note\n",
        ),
        *("|", "|", "|", "||", "|:", ":|", "::", "|1", ":|2", "|]", "[1", "[2", "Z2|"),
    )
)


@given(st.lists(_word, min_size=3, max_size=60), st.sampled_from(("C", "D", "Gm", "E dor")), st.data())
@settings(max_examples=300, deadline=None)
def test_any_passage_has_the_pitches_and_durations_of_the_tune(
    words: list[str], key: str, data: st.DataObject
) -> None:
    text = f"X:1\nM:4/4\nL:1/8\nK:{key}\nC" + "".join(words)
    num_notes = len(parse_tune(text).notes)
    start = data.draw(st.integers(0, num_notes - 1))
    stop = data.draw(st.integers(start + 1, num_notes))
    passage = cut(text, start, stop)
    assert_same_notes(text, start, stop, passage)
    pitches = melody_of(parse_tune(text)).pitches[start:stop]
    found = find_in_passage(passage.text, pitches)
    assert found is not None and found.text == passage.text


def test_marks_blocks_and_voices_add_no_notes_to_a_passage() -> None:
    body = "V:1\n[!fermata!CE]D EF GABc|\n%%begintext\nA bad egg\n%%endtext\nV:2\nK:Ab\nC8|\nV:1\nFGAB cdef|"
    assert_same_notes(HEADER + body, 6, 10, cut(HEADER + body, 6, 10))


TUNE = "X:1\nM:4/4\nL:1/4\nK:C\n|:C D|EFGA|1 c4:|2 G4|]\nP:B\nc4|Z2|d4|]"


@pytest.mark.parametrize(
    ("num_bars", "last"),
    [(1, "|:C D|"), (2, "D|EFGA|1"), (3, "1 c4:|2"), (4, "G4|]"), (5, "P:B\nc4|"), (7, "|Z2|"), (8, "d4|]")],
)
def test_a_beginning_ends_with_the_bar_line_of_its_last_bar(num_bars: int, last: str) -> None:
    beginning = cut_beginning(TUNE, num_bars)
    assert beginning is not None and beginning.endswith(last) and TUNE.startswith(beginning)
    kept, whole = ([bar.text for bar in parse_tune(text).bars] for text in (beginning, TUNE))
    assert kept == whole[:num_bars]


@pytest.mark.parametrize("num_bars", [0, 6, 9])
def test_without_a_bar_line_there_is_no_beginning(num_bars: int) -> None:
    assert cut_beginning(TUNE, num_bars) is None
