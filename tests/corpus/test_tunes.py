import pytest

from musicgen.corpus.tunebook import read_tunebook
from musicgen.corpus.tunes import clean_tune, normalised
from musicgen.notation import parse_tune

FIELDS = frozenset("XTRMLK")
TUNE = "X:1\nT:One\nM:4/4\nK:D\nABcd|\nefga|"


def test_text_between_tunes_is_dropped() -> None:
    text = f"%abc-2.1\nfile header\n\n{TUNE}\n\nsome words\n\nX:2\nK:G\nGABc|\n"
    assert read_tunebook(text).tunes == [TUNE, "X:2\nK:G\nGABc|"]


@pytest.mark.parametrize(
    ("text", "tunes"),
    [
        (f"{TUNE}\nX:2\nK:G\nGABc|", [TUNE, "X:2\nK:G\nGABc|"]),
        ("X:1\nK:G\nGABc|\n  \nfree text\n", ["X:1\nK:G\nGABc|"]),
        ("", []),
        ("just words\n", []),
    ],
    ids=["missing blank line", "line of spaces", "empty", "prose"],
)
def test_tunes_end_at_blank_lines_and_x_fields(text: str, tunes: list[str]) -> None:
    assert read_tunebook(text).tunes == tunes


def test_cleaning_keeps_the_requested_fields_and_the_body() -> None:
    tune = 'X: 1\nT: One \nZ: me@example.org\nN:note\n%%x\nM:C\nK:D\n"D"AB  cd | % end\nw: la la\nef ga |!\n'
    assert clean_tune(tune, FIELDS) == "X:1\nT:One\nM:C\nK:D\nAB cd |\nef ga |"


@pytest.mark.parametrize("line", ['"50\\% slower"AB c|', '"50% slower"AB c|'])
def test_quoted_percent_signs_are_no_comments(line: str) -> None:
    cleaned = clean_tune(f"X:1\nK:C\n{line}", FIELDS, keep_chord_symbols=True)
    assert cleaned == f"X:1\nK:C\n{line}"


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        ("GABc|!fine!", "GABc|"),
        ("GABc|!D.C.! !", "GABc|"),
        ("GABc!>)!", "GABc"),
        ("!p!GABc|!", "GABc|"),
        ("GABc|!!fine!", "GABc|"),
        ("|!GA Bc|!", "|!GA Bc|"),
        ("GABc|! % the end", "GABc|"),
        ("GABc|+fine+", "GABc|"),
        ('G:|"^so!"', "G:|"),
        ("G:|", "G:|"),
    ],
)
def test_only_an_unpaired_final_sign_is_an_old_line_end(line: str, cleaned: str) -> None:
    assert clean_tune(f"X:1\nK:C\n{line}\nc|", FIELDS) == f"X:1\nK:C\n{cleaned}\nc|"


VOICES = {
    "on separate lines": "K:C\nV:1\nCDEF|\nV:2\nC,4|\nV:1\nGABc|\nV:2\nG,4|",
    "in the header too": "V:1 treble\nV:2 bass\nK:C\nV:1\nCDEF|\nGABc|\nV:2\nC,4|G,4|",
    "with music above": "K:C\nCDEF|\nV:2\nC,4|\nV:1\nGABc|",
    "with music above, named in the header": "V:T\nV:B\nK:C\nCDEF|\nV:B\nC,4|\nV:T\nGABc|",
    "in the lines": "K:C\n[V:T] CDEF|\n[V:B]C,4|\n[V:T]GABc|[V:B] G,4|",
    "with separate fields": "K:C\nV:1\nCDEF|\nV:2\nK:Ab\nM:3/4\n[L:1/16]C,8|\nV:1\nGABc|",
    "with words": "K:C\nV:1\nCDEF|\nw: a b c d\nV:2\nC,4|\nw: bad\n+: egg\nV:1\nGABc|",
    "in the header alone": "V:1\nV:2\nK:C\nCDEF|\nGABc|",
    "all of them named": "V:* stem=up\nV:1\nV:2\nK:C\nV:1\nCDEF|\nV:2\nC,4|\nV:1\nGABc|",
    "without a name": "K:C\nV:\nCDEF|\nV:2\nC,4|\nV:1\nGABc|",
}


@pytest.mark.parametrize("kind", VOICES)
def test_cleaning_keeps_the_first_voice(kind: str) -> None:
    tune = "X:1\nM:4/4\nL:1/4\n" + VOICES[kind]
    cleaned = clean_tune(tune, FIELDS)
    assert cleaned == "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\nGABc|"
    assert parse_tune(tune).notes == parse_tune(cleaned).notes


def test_a_key_change_in_each_voice_stays_in_its_voice() -> None:
    tune = "X:1\nM:4/4\nL:1/4\nK:G\nV:1\nFGAB|[K:C]FGAB|\nV:2\nF,4|[K:Ab]A,4|\nV:1\nFGAB|"
    assert clean_tune(tune, FIELDS) == "X:1\nM:4/4\nL:1/4\nK:G\nFGAB|[K:C]FGAB|\nFGAB|"
    assert [note.pitch for note in parse_tune(tune).notes] == [66, 67, 69, 71, *[65, 67, 69, 71] * 2]


def test_keeping_v_keeps_all_voices() -> None:
    tune = "X:1\nK:C\nV:1\nCDEF|\nV:2\nK:G\nC,4|[V:1]G|"
    assert clean_tune(tune, FIELDS | {"V"}) == tune


def test_tokens_around_a_voice_field_stay_apart() -> None:
    assert clean_tune("X:1\nK:C\nV:1\nA[V:1],B[V:2]c[V:1]2|", FIELDS) == "X:1\nK:C\nA ,B 2|"


def test_a_title_between_voices_is_kept() -> None:
    tune = "X:1\nK:C\nV:1\nCDEF|\nV:2\nC,4|\nT:Trio\nK:F\nV:1\nGABc|"
    assert clean_tune(tune, FIELDS) == "X:1\nK:C\nCDEF|\nT:Trio\nGABc|"


def test_continuations_are_treated_like_their_field() -> None:
    tune = "X:1\nT:The\n% x\n+:Reel\nN:note\n+:more\nK:D\n+:=c\nABcd|\nw:la\n+:la\nefga|\nT:Part\n+:two\nA|"
    assert clean_tune(tune, FIELDS) == "X:1\nT:The Reel\nK:D =c\nABcd|\nefga|\nT:Part two\nA|"


def test_cleaning_removes_text_blocks() -> None:
    drawing, words = "%%beginsvg\nK:E\n%%endsvg", "%%begintext\nA bad\n\negg\n%%endtext"
    tune = f"X:1\n{drawing}\nK:C\nCDEF|\n{words}\nGABc|\n%% beginps\nC|"
    assert clean_tune(tune, FIELDS) == "X:1\nK:C\nCDEF|\nGABc|"


def test_cleaning_removes_other_lines_in_the_header() -> None:
    assert clean_tune("X:1\n3/8=120\nN bars |ab|\nK:C\nC|", FIELDS) == "X:1\nK:C\nC|"


def test_normalised_bodies_ignore_layout() -> None:
    assert normalised("AB cd| efga|!\n") == normalised("ABcd|\nefga|") == "ABcd|efga|"
    assert normalised("CD EF|!\nG!trill!A\t!  \n!") == "CDEF|G!trill!A"
