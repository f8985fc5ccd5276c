from fractions import Fraction

import pytest

from musicgen.notation.tokens import TOKEN, read_length, read_tuplet


def kinds(line: str) -> list[tuple[str | None, str]]:
    return [(match.lastgroup, match[0]) for match in TOKEN.finditer(line)]


@pytest.mark.parametrize(
    ("number", "length"),
    [
        ("", (1, 1)),
        ("2", (2, 1)),
        ("/", (1, 2)),
        ("//", (1, 4)),
        ("/2", (1, 2)),
        ("3/2", (3, 2)),
        ("/2/2", (1, 4)),
        ("/4", (1, 4)),
        ("3/", (3, 2)),
    ],
)
def test_length(number, length):
    assert read_length(number) == (Fraction(*length), None)


@pytest.mark.parametrize("number", ["0", "/0", "999999", "/999999", "//////////", "3/0/2"])
def test_length_out_of_range_is_1_and_a_problem(number):
    length, problem = read_length(number)
    assert length == 1
    assert problem == f"note length {number} is out of range"


@pytest.mark.parametrize(
    ("text", "is_compound", "expected"),
    [
        ("(2", False, (2, 3, 2)),
        ("(3", False, (3, 2, 3)),
        ("(4", False, (4, 3, 4)),
        ("(5", False, (5, 2, 5)),
        ("(5", True, (5, 3, 5)),
        ("(6", True, (6, 2, 6)),
        ("(7", False, (7, 2, 7)),
        ("(8", False, (8, 3, 8)),
        ("(9", True, (9, 3, 9)),
        ("(3:2", False, (3, 2, 3)),
        ("(3::2", False, (3, 2, 2)),
        ("(3:2:4", False, (3, 2, 4)),
        ("(3::", False, (3, 2, 3)),
        ("(11:8:11", False, (11, 8, 11)),
    ],
)
def test_tuplet(text, is_compound, expected):
    p, q, r = expected
    assert read_tuplet(text, is_compound) == (r, Fraction(q, p))


@pytest.mark.parametrize("text", ["(0", "(1", "(10", "(999:2", "(3:2:999"])
def test_invalid_tuplet(text):
    assert read_tuplet(text, False) is None


@pytest.mark.parametrize(
    "bar",
    [
        "|",
        "||",
        "|]",
        "[|",
        "|:",
        ":|",
        "::",
        ":||:",
        ":|:",
        "|1",
        ":|2",
        ".|",
        "[|]",
        "|::",
        ":|1,3",
        ":[|]",
    ],
)
def test_bar_lines(bar):
    assert kinds(f"A{bar}B")[1] == ("bar", bar)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("^c'2", [("note", "^c'2")]),
        ("__B,,/", [("note", "__B,,/")]),
        ("z2x", [("rest", "z2"), ("rest", "x")]),
        ("Z4", [("measures", "Z4")]),
        ("[CEG]2", [("chord", "[CEG]2")]),
        ("[K:D]", [("field", "[K:D]")]),
        ("[1A", [("ending", "[1"), ("note", "A")]),
        ("|[CE]", [("bar", "|"), ("chord", "[CE]")]),
        ("!trill!A!", [("ornament", "!trill!"), ("note", "A"), ("linebreak", "!")]),
        ("+trill+~A", [("ornament", "+trill+"), ("ornament", "~"), ("note", "A")]),
        ("{/gfg}A", [("grace", "{/gfg}"), ("note", "A")]),
        ('"Am"A "^x%"', [("quoted", '"Am"'), ("note", "A"), ("space", " "), ("quoted", '"^x%"')]),
        ("A%bc", [("note", "A"), ("comment", "%bc")]),
        ("A\\", [("note", "A"), ("linebreak", "\\")]),
        ("((3A", [("slur", "("), ("tuplet", "(3"), ("note", "A")]),
        ("A>>B", [("note", "A"), ("broken", ">>"), ("note", "B")]),
        ("A&B", [("note", "A"), ("overlay", "&"), ("note", "B")]),
        ("yA y2", [("ornament", "y"), ("note", "A"), ("space", " "), ("ornament", "y2")]),
        ("A?", [("note", "A"), ("stray", "?")]),
        ('"Am', [("stray", '"'), ("note", "A"), ("ornament", "m")]),
    ],
)
def test_kinds(line, expected):
    assert kinds(line) == expected


def test_tokens_cover_every_character():
    line = "".join(map(chr, range(32, 400)))
    assert "".join(match[0] for match in TOKEN.finditer(line)) == line


@pytest.mark.parametrize(
    "mark", ["!to coda!", "!da capo al fine!", "! fermata !", "!trill !", "+D.C.+", "+1+", "+>(+"]
)
def test_decorations_with_blanks_contain_no_notes(mark: str) -> None:
    assert [kind for kind, _ in kinds(f"C{mark}D")] == ["note", "ornament", "note"]
