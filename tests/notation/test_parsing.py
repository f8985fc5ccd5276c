import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.notation import ParsedTune, parse_tune

REAL = """X:1
T:Alexander's
M:C|
L:1/8
K:D Major
(3ABc|dAFA DFAd|fdcd FAdf|gfge fefd|(3efe (3dcB A2 (3ABc|!
{g}d>A~F"D"A [DF]2-[DF]2|[1f^d=cd FAdf:|[2 z4 g/f/e- (5efefe||
[M:6/8] a3 b'2c,/2|Z2|!trill!g6&d6|]
w: words of a song
K:Gm
V:2
B4|
"""

ALPHABET = st.sampled_from([*"ABCDEFGabcdefgzxZ^_=,'/23456789|:[](){}<>-~.!\"%&+\\ \nXTMLKVw0$"])


def check(parsed: ParsedTune, text: str) -> None:
    assert parsed.text == text
    assert 0 <= parsed.tonic <= 11
    for bar in parsed.bars:
        assert bar.duration > 0
        assert sum(note.duration for note in bar.notes) <= bar.duration
        assert isinstance(bar.is_valid, bool)
        for note in bar.notes:
            assert 0 <= note.pitch <= 127
            assert note.duration > 0
    for note, following in zip(parsed.notes, parsed.notes[1:], strict=False):
        assert not note.tied or note.pitch == following.pitch
    assert len(parsed.problems) <= 50
    assert all(line and "\n" not in line for line in parsed.problems)


def test_a_whole_tune():
    parsed = parse_tune(REAL)
    assert parsed.header("T") == "Alexander's"
    assert parsed.header("Q") is None
    assert parsed.tonic == 2
    assert parsed.body.startswith("(3ABc|")
    assert parsed.problems == ()
    assert all(bar.is_valid for bar in parsed.bars)
    assert len(parsed.bars) == 12


def test_missing_fields_take_defaults_and_are_problems():
    parsed = parse_tune("X:1\nFABc|d")
    assert parsed.problems == ("no M: field", "no K: field")
    assert [note.pitch for note in parsed.notes] == [65, 69, 71, 72, 74]
    assert parsed.bars[0].meter is None
    assert float(parsed.notes[0].duration) == 0.125


def test_default_length_follows_the_meter():
    assert float(parse_tune("M:2/4\nK:C\nA").notes[0].duration) == 1 / 16
    assert float(parse_tune("M:3/4\nK:C\nA").notes[0].duration) == 1 / 8


def test_the_first_of_repeated_fields_counts():
    assert parse_tune("X:1\nM:3/4\nM:C\nL:1/4\nK:C\nABc|ABc|ABc|").bars[1].is_valid


@pytest.mark.parametrize("text", ["", "\n\n", "X:1\nM:4/4\nK:C\n", "X:1\nM:4/4\nK:C\n| || :|\n"])
def test_no_music(text):
    parsed = parse_tune(text)
    assert parsed.bars == ()
    assert "no music" in parsed.problems


@given(st.text())
@settings(deadline=None)
def test_any_text_parses(text):
    check(parse_tune(text), text)


@given(st.lists(ALPHABET, max_size=200).map("".join))
@settings(deadline=None)
def test_any_abc_characters_parse(music):
    text = "X:1\nM:6/8\nK:Ador\n" + music
    check(parse_tune(text), text)


@given(st.lists(st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 3), ALPHABET), max_size=30))
@settings(deadline=None)
def test_mutated_tune_parses(edits):
    text = REAL
    for position, num_cut, inserted in edits:
        text = text[:position] + inserted + text[position + num_cut :]
    check(parse_tune(text), text)


ADVERSARIAL = {character: character * 50_000 for character in '[({"!:|>/9,A-+\\&%^\n'} | {
    "fields": "[K:" * 20_000,
    "field lines": "+:\n" * 20_000,
    "chords": "[A" * 25_000,
    "tuplets": "(3:2:9A" * 10_000,
    "broken": "A>" * 25_000,
    "lengths": "".join(f"A/{number % 256 + 1}" for number in range(15_000)),
    "long rests": "Z64" * 2_000,
    "plus": "+a" * 25_000,
    "continued": "\\ " * 25_000,
    "ties": "A-" * 25_000,
    "blank value": "M:1" + " " * 50_000 + "x",
    "blank line": "A\\" + " " * 50_000 + "x",
    "key": "K:" + "^f" * 25_000 + "x",
    "long meter": "M:" + "1+" * 25_000,
    "colons and dots": ".:" * 25_000,
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_text_takes_linear_time(name):
    for text in ("X:1\nM:4/4\nL:1/8\nK:C\n" + ADVERSARIAL[name], ADVERSARIAL[name]):
        start = time.process_time()
        check(parse_tune(text), text)
        # Linear time is well under a second; quadratic time would be minutes.
        assert time.process_time() - start < 8
