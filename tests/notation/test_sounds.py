from fractions import Fraction

import pytest

from musicgen.notation import parse_tune


def tune(body: str, key: str = "C", meter: str = "4/4", unit: str = "1/4"):
    parsed = parse_tune(f"X:1\nM:{meter}\nL:{unit}\nK:{key}\n{body}\n")
    assert parsed.problems == ()
    return parsed


def pitches(body: str, key: str = "C") -> list[int]:
    return [note.pitch for note in tune(body, key).notes]


def durations(body: str, meter: str = "4/4") -> list[Fraction]:
    """In quarter notes."""
    return [note.duration * 4 for note in tune(body, meter=meter).notes]


def ties(body: str) -> str:
    """T for each tied note, a dot for the others."""
    return "".join("T" if note.tied else "." for note in tune(body).notes)


def test_octaves():
    assert pitches("C, C c c' c'' B,, C,'") == [48, 60, 72, 84, 96, 47, 60]


def test_key_signature():
    assert pitches("F f C c B", "D") == [66, 78, 61, 73, 71]
    assert pitches("B e A", "Gm") == [70, 75, 69]


def test_accidentals_last_to_the_end_of_the_bar_in_all_octaves():
    assert pitches("^F F f|F f") == [66, 66, 78, 65, 77]
    assert pitches("_B B =B B|B", "F") == [70, 70, 71, 71, 70]
    assert pitches("^^C __B") == [62, 69]


def test_tie_carries_an_accidental_to_the_tied_note_only():
    assert pitches("^F-|F F") == [66, 66, 65]
    assert ties("^F-|F F") == "T.."


def test_tie_between_different_pitches_is_a_slur():
    assert ties("A-B B-B c- z c") == "..T..."


def test_inline_key_changes_the_pitches_after_it():
    assert pitches("^F F [K:G] F [K:C] F") == [66, 66, 66, 65]
    assert pitches("F|\nK:G\nF|") == [65, 66]


def test_lengths():
    assert durations("A A2 A/ A// A3/2 A/4") == [1, 2, 0.5, 0.25, 1.5, 0.25]
    assert durations("A [L:1/8] A A2") == [1, 0.5, 1]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("A>B", (3, 1)),
        ("A<B", (1, 3)),
        ("A>>B", (3.5, 0.5)),
        ("A<<B", (0.5, 3.5)),
        ("A>>>B", (3.75, 0.25)),
        ("A > B", (3, 1)),
        ("A>|B", (3, 1)),
        ("A>{g}B", (3, 1)),
        ("[AC]>[EG]", (3, 1)),
        ("A2>B2", (6, 2)),
    ],
)
def test_broken_rhythm(body, expected):
    assert durations(body) == [Fraction(value) / 2 for value in expected]


def test_broken_rhythm_counts_rests():
    assert durations("z>A") == [Fraction(1, 2)]
    assert tune("z>A").bars[0].duration == Fraction(1, 2)


def test_chained_broken_rhythm_applies_each_sign():
    assert durations("A>B>c") == [Fraction(3, 2), Fraction(3, 4), Fraction(1, 2)]


@pytest.mark.parametrize(
    ("body", "meter", "expected"),
    [
        ("(3ABc d", "4/4", ["2/3", "2/3", "2/3", "1"]),
        ("(2AB", "6/8", ["3/2", "3/2"]),
        ("(4ABcd", "6/8", ["3/4"] * 4),
        ("(5ABcde", "4/4", ["2/5"] * 5),
        ("(5ABcde", "6/8", ["3/5"] * 5),
        ("(3A2B", "4/4", ["4/3", "2/3"]),
        ("(3::2A2B c", "4/4", ["4/3", "2/3", "1"]),
        ("(3:4:2AB c", "4/4", ["4/3", "4/3", "1"]),
        ("(3zAB c", "4/4", ["2/3", "2/3", "1"]),
        ("((3ABc) d", "4/4", ["2/3", "2/3", "2/3", "1"]),
        ("(3A{g}Bc d", "4/4", ["2/3", "2/3", "2/3", "1"]),
        ("(3A>Bc", "4/4", ["1", "1/3", "2/3"]),
        ("(3AB|cd", "4/4", ["2/3", "2/3", "2/3", "1"]),
    ],
)
def test_tuplets(body, meter, expected):
    assert durations(body, meter) == [Fraction(value) for value in expected]


def test_chord_is_its_top_note_as_long_as_its_first():
    body = "[C2E4G]2 [G^CE] [d]"
    assert (pitches(body), durations(body)) == ([67, 67, 74], [4, 1, 1])
    assert pitches("[^CE] C") == [64, 61]


def test_chords_tie():
    assert ties("[CG]-[CG] [C-G-][CG] [C-G][CG]") == "T.T..."


def test_decorations_and_grace_notes_have_no_duration():
    plain = tune("A B c d|").bars[0]
    dressed = tune('!f!A ~"Am"B .c {g}{/gf}vd y | % end').bars[0]
    assert (dressed.notes, dressed.duration) == (plain.notes, plain.duration)


def test_transposing_clef():
    assert pitches("C", "C treble-8") == [48]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("A0|", "note length 0 is out of range"),
        ("A/999|", "note length /999 is out of range"),
        (">A|", "broken rhythm '>' is misplaced or too long"),
        ("A>>>>B|", "broken rhythm '>>>>' is misplaced or too long"),
        ("A><B|", "broken rhythm '<' is misplaced or too long"),
        ("(1A|", "invalid tuplet '(1'"),
        ("[]A|", "chord '[]' contains no note"),
        ("A?|", "unknown symbol '?'"),
        ("C,,,,,,|", "note out of MIDI range: -12"),
        ("Z999|", "rest 'Z999' is out of range"),
    ],
)
def test_problems(body, problem):
    assert parse_tune(f"X:1\nM:4/4\nL:1/4\nK:C\n{body}").problems == (problem,)
