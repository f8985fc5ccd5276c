"""Which lines of a tune are fields, which are music, and which are ignored."""

import pytest

from musicgen.notation import parse_tune
from musicgen.notation.lines import body_lines, has_open_block, read_field, split_lines, text_blocks

HEADER = "X:1\nM:4/4\nL:1/4\nK:C\n"


def pitches(body: str) -> list[int]:
    return [note.pitch for note in parse_tune(HEADER + body).notes]


def test_value_may_start_with_a_bar_line_after_a_non_note_letter() -> None:
    assert read_field("w:|la |la") == ("w", "|la |la")
    assert read_field("N::2nd") == ("N", ":2nd")
    assert [read_field(line) for line in ("G:|", "G::", "z:|", "X:|", "y:|", "G :|")] == [None] * 6


def test_blanks_around_the_letter_are_allowed() -> None:
    assert read_field("  K:G ") == read_field("K :G") == read_field("K: G") == ("K", "G")


def test_every_letter_makes_a_field() -> None:
    assert read_field("d: !f! * *") == ("d", "!f! * *")
    assert pitches("CDEF|\nd: !f! * *\nGABc|") == [60, 62, 64, 65, 67, 69, 71, 72]


def test_escaped_percent_is_kept() -> None:
    assert read_field(r"T:50\% more % really") == ("T", r"50\% more")


def test_all_kinds_of_line_ends_are_split() -> None:
    assert split_lines("\ufeffa\r\nb\rc\nd\x0ce") == ["a", "b", "c", "d\x0ce"]


def test_a_text_block_ends_at_the_same_name_only() -> None:
    lines = [
        "%%beginps",
        "%%begintext",
        "%%endtext",
        "%%endps",
        "C|",
        "%% begintext x",
        "%%begintext",
        "%%endtext",
    ]
    assert list(text_blocks(lines)) == [(0, 4), (5, None), (6, 8)]
    assert has_open_block("\n".join(lines)) and not has_open_block("\n".join(lines[:5]))


def test_an_unclosed_block_hides_the_rest_and_is_a_problem() -> None:
    parsed = parse_tune(HEADER + "CDEF|\n%%begintext\nA bad egg\n")
    assert len(parsed.notes) == 4
    assert parsed.problems == ("text block without an end: ignored the rest of the tune",)


def test_a_continuation_belongs_to_the_field_above_it() -> None:
    lines = list(body_lines("C|\n+:lost\nK:D\n% x\n+:=c\n\nw:la\n+:la"))
    assert [line.field for line in lines] == [None, ("K", "D =c"), None, ("w", "la la")]
    assert [line.start for line in lines] == [0, 10, 23, 24]
    assert parse_tune("M:4/4\nK:D\n+:=c\n% x\ncdef|").notes[0].pitch == 72


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("[!fermata!CE]D", [64, 62]),
        ('["^Edge"G,2C2]G', [60, 67]),
        ('["^a|b]:[c"CE]G', [64, 67]),
        ("[+accent+CE][!5!.C!1!uE]", [64, 64]),
        ('!p!"Am"[!>!CE-]E', [64, 64]),
        ("{!trill!a}[!f!CE]{[ce]}D", [64, 62]),
        ("C !D.C. al fine!D", [60, 62]),
    ],
)
def test_letters_of_decorations_and_annotations_are_not_notes(music: str, expected: list[int]) -> None:
    assert pitches(music) == expected


def test_annotations_in_a_chord_do_not_set_its_length() -> None:
    assert [float(note.duration) for note in parse_tune(HEADER + '["^2/3"G,2C4]3/2').notes] == [0.75]


def test_an_overlay_lasts_to_the_next_bar_line_of_its_voice() -> None:
    assert pitches("V:1\nCD & EF\nV:2\nG,4|\nV:1\nEF|GA|") == [60, 62, 67, 69]
