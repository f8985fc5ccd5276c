from fractions import Fraction

import pytest

from musicgen.notation import ParsedTune, parse_tune


def tune(body: str, meter: str = "4/4", header: str = "") -> ParsedTune:
    return parse_tune(f"X:1\n{header}M:{meter}\nL:1/4\nK:C\n{body}\n")


def quarters(body: str, meter: str = "4/4") -> list[Fraction]:
    return [bar.duration * 4 for bar in tune(body, meter).bars]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ABcd|ef g2|\nA4|]", [4, 4, 4]),
        ("|ABcd|\n|efga|\n||A4||", [4, 4, 4]),
        ("AB\\\ncd|A2!\nB2|", [4, 4]),
        ("A4|\nw: Ah--men A|B\nP:B\nQ:120\nB4|\nW:words\n", [4, 4]),
        ("\nA4|B4|", [4, 4]),
        ("A3\nG:|\nB4|", [4, 4]),
        ("(3ABc (5ABcde|(7ABcdefg A2|", [4, 4]),
    ],
    ids=[
        "bar lines",
        "line breaks",
        "spanning lines",
        "fields",
        "empty line",
        "note before a colon",
        "tuplets",
    ],
)
def test_bar_lengths(body, expected):
    assert quarters(body) == expected


def test_bar_text_contains_only_music():
    bar = tune('!f!A "Am"^b2 .(3{g}c>d-d) [K:G] y B % end\n').bars[0]
    assert bar.text == "A^b2(3{g}c>d-d)B"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("AB|A|A|AB", [True, False, False, True]),
        ("A4|A:|A|A4|", [True, True, True, True]),
        ("A4|A|:A|A|A4", [True, True, True, False, True]),
        ("A4|A::A|A|A4", [True, True, True, False, True]),
        ("A4|A||A|A|A4", [True, True, True, False, True]),
        ("A4|A|]A|A|A4", [True, True, True, False, True]),
        ("A4|A[|A|A|A4", [True, True, True, False, True]),
        ("A4|A|1A:|2A|A|A4", [True, True, True, True, False, True]),
        ("A4|A|[1A:|[2A|A|A4", [True, True, True, True, False, True]),
        ("A4|A| [1 A:| [2 A|A|A4", [True, True, True, True, False, True]),
        ("A4|A|\n|:A|A|A4", [True, True, True, False, True]),
        ("A4|A :|\n|: A|A|A4", [True, True, True, False, True]),
        ("A4|A5:|A5|", [True, False, False]),
        ("A4|AB[1c:|[2c|A4", [True, True, True, True]),
    ],
)
def test_where_a_bar_may_be_short(body, expected):
    assert [bar.is_valid for bar in tune(body).bars] == expected


def test_free_meter_bars_are_all_valid():
    assert [bar.is_valid for bar in tune("A|A9|A", "none").bars] == [True, True, True]


def test_meter_change():
    parsed = tune("A4|\nM:3/4\nA3|[M:2/4]A2|A2|A2")
    assert [bar.meter for bar in parsed.bars] == [Fraction(1), Fraction(3, 4)] + [Fraction(1, 2)] * 3
    assert all(bar.is_valid for bar in parsed.bars)


def test_meter_change_in_a_bar_counts_from_the_next():
    assert [bar.meter for bar in tune("A4|A2[M:2/4]A2|A2").bars] == [1, 1, Fraction(1, 2)]


def test_invalid_meter_in_the_body_is_ignored():
    parsed = tune("A4|[M:x]A4|A4")
    assert [bar.meter for bar in parsed.bars] == [1, 1, 1]
    assert parsed.problems == ("M: invalid meter 'x'",)


def test_rests_of_whole_bars():
    parsed = tune("A4|Z3|A4|")
    assert [bar.duration for bar in parsed.bars] == [1] * 5
    assert [bar.text for bar in parsed.bars] == ["A4", "Z", "Z", "Z", "A4"]


def test_rests_of_whole_bars_are_bounded():
    parsed = tune("Z99|" * 100)
    assert len(parsed.bars) < 500
    assert parsed.problems == ("rest 'Z99' is out of range",)


def test_rests_count():
    assert quarters("z2x2|A z/ x/ z2|") == [4, 4]
    assert [len(bar.notes) for bar in tune("z2x2|A z/ x/ z2|").bars] == [0, 1]


def test_overlay_counts_its_first_layer():
    parsed = tune("ABcd & C4 | efga|")
    assert [[note.pitch for note in bar.notes] for bar in parsed.bars] == [[69, 71, 72, 74], [76, 77, 79, 81]]
    assert parsed.bars[0].text == "ABcd&C4"


@pytest.mark.parametrize(
    "body",
    [
        "V:1\nA4|\nV:2\nC4|C4|\nV:1\nB4|",
        "A4|\nV:2\nC4|\nV:1\nB4|",
        "[V:1]A4|\n[V:2]C4|[K:D]C4|\n[V:1]B4|",
        "V:up clef=treble\nA4|\nV:low\n[CE]4&C4|\nV:up\nB4|",
    ],
)
def test_only_the_first_voice_is_read(body):
    assert [note.pitch for note in tune(body).notes] == [69, 71]


def test_header_names_the_first_voice():
    assert [note.pitch for note in tune("V:2\nC4|\nV:1\nA4|", header="V:1\nV:2\n").notes] == [69]
    assert [note.pitch for note in tune("A4|\nV:2\nC4|", header="V:1\nV:2\n").notes] == [69]


def test_tune_ends_at_an_empty_line_or_another_tune():
    assert quarters("A4|\n\n") == [4]
    for rest in ("\nB4|", "X:2\nB4|"):
        parsed = tune(f"A4|\n{rest}")
        assert len(parsed.bars) == 1
        assert parsed.problems == ("ignored text after the end of the tune",)


def test_bars_know_the_lines_after_them() -> None:
    found = [bar.line for bar in tune("|:ABcd|ef g2|1 A4:|2 B4|]\n|:c4::d4|\n|e4| |f4").bars]
    assert found == ["|", "|1", ":|2", "|] |:", "::", "| |", "| |", ""]
    assert [bar.line for bar in tune("A4|[1 B4:|[2 c4||").bars] == ["| [1", ":| [2", "||"]


def test_bars_know_the_key_at_their_end() -> None:
    bars = tune("C4|[K:G]C4|\nK:Am\nC4|C2[K:Ddor]C2|").bars
    assert [bar.key.tonic for bar in bars] == [0, 7, 9, 2]
    assert [bar.key.triad for bar in bars] == [(0, 4, 7), (7, 11, 2), (9, 0, 4), (2, 5, 9)]
