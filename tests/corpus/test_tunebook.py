"""What is a tune in the text of a file, of several, and what is left out."""

import time

import pytest

from musicgen.corpus import tunebook
from musicgen.corpus.tunebook import describe_reading, read_tunebook
from musicgen.errors import InputError
from musicgen.notation import parse_tune

ONE = "X:1\nT:One\nM:4/4\nL:1/4\nK:D\nABcd|"
TWO = "X:2\nT:Two\nK:G\nGABc|"


def tunes_of(text: str) -> list[str]:
    return read_tunebook(text).tunes


def test_fields_above_the_first_tune_are_defaults_for_every_tune() -> None:
    text = f"%abc-2.1\nM:6/8\nL:1/16\nR:jig\n\n{TWO}\n\nX:3\nT:Three\nT:or four\nM:2/4\nK:C\nCDEF|\n"
    two, three = tunes_of(text)
    assert two == "X:2\nT:Two\nM:6/8\nL:1/16\nR:jig\nK:G\nGABc|"
    assert three == "X:3\nT:Three\nT:or four\nL:1/16\nR:jig\nM:2/4\nK:C\nCDEF|"
    assert float(parse_tune(two).notes[0].duration) == 1 / 16


def test_a_file_header_needs_no_empty_line_and_may_have_several_paragraphs() -> None:
    assert tunes_of(f"%abc\n\nM:6/8\n+: (slow)\n\n%%scale 0.7\nL:1/16\n{TWO}")[0].split("\n")[2:4] == [
        "M:6/8 (slow)",
        "L:1/16",
    ]


def test_words_and_half_a_tune_above_the_first_tune_are_no_file_header() -> None:
    words = "Songs of the road,\nM: and L: are mine\n\n"
    half = "T:Lost\nM:3/4\nL:1/2\nK:C\n\n"
    block = "%%begintext\nM:3/4\n\nX:7\n%%endtext\n\n"
    for above in (words, half, block, "H:history\nof many lines\nM:3/4\n\n"):
        assert tunes_of(above + TWO) == [TWO]


def test_fields_between_tunes_are_no_defaults() -> None:
    assert tunes_of(f"{ONE}\n\nM:6/8\n\n{TWO}") == [ONE, TWO]


def test_symbols_and_macros_of_file_and_tune_add_up() -> None:
    (tune,) = tunes_of("U:W=!trill!\n\nX:1\nU:V=!fermata!\nK:C\nWCVD|")
    assert tune == "X:1\nU:W=!trill!\nU:V=!fermata!\nK:C\nWCVD|"


@pytest.mark.parametrize(
    "mark", ["\n\n\ufeff", "\ufeff", "\n\n%abc-2.1\n", "\n%abc-2.1\n", "%abc\n", "\n\ufeff%abc\n"]
)
def test_a_joined_file_ends_the_tune_and_the_header_of_the_file_before(mark: str) -> None:
    assert tunes_of(f"M:6/8\nL:1/8\n\n{ONE}{mark}L:1/2\n\n{TWO}") == [ONE, TWO.replace("K:", "L:1/2\nK:")]


def test_the_version_in_a_tunes_header_begins_no_file() -> None:
    (tune,) = tunes_of("M:6/8\n\nX:1\n%abc-2.1\nK:C\nCDE|")
    assert tune == "X:1\nM:6/8\n%abc-2.1\nK:C\nCDE|"


def test_a_text_block_may_hold_empty_lines_and_what_looks_like_a_tune() -> None:
    tune = "X:1\nK:C\nCDEF|\n%%begintext\n\nX:9\nK:G\n\n%%endtext\nGABc|"
    assert tunes_of(f"%%begintext\nX:8\nK:C\nC|\n%%endtext\n\n{tune}\n\n{TWO}") == [tune, TWO]


def test_a_text_block_without_end_holds_no_further_tune() -> None:
    text = f"{ONE}\n%%begintext\nwords\n\n{TWO}\n\nX:3\nK:C\n%%begintext\nwords\n\nmore\n%%endtext\nC|"
    assert [tune.split("\n")[0] for tune in tunes_of(text)] == ["X:1", "X:2", "X:3"]
    assert tunes_of(text)[2].endswith("C|")


def test_a_rest_before_a_repeat_sign_begins_no_tune() -> None:
    assert tunes_of("X:1\nK:C\n|:CDEF|\nX:|\nGABc|") == ["X:1\nK:C\n|:CDEF|\nX:|\nGABc|"]


def test_numbers_may_have_blanks_around_them() -> None:
    assert [tune.split("\n")[0] for tune in tunes_of("X : 1\nK:C\nC|\n X:\t2 % x\nK:C\nD|")] == [
        "X : 1",
        " X:\t2 % x",
    ]


def test_music_below_an_empty_line_and_tunes_without_number_are_counted() -> None:
    book = read_tunebook(
        "T:Above\nK:C\nCDEF|\n\n"
        f"{ONE}\n\nefga|fedc|\n\nAnother |word| about\n\n{TWO}\n\nT:No number\nM:4/4\nK:G\nGABc|\n\n"
        "X:3\nK:C\nC|\n\nwords | and words\n\nK:G is a key\n"
    )
    assert (len(book.tunes), book.num_without_number, book.num_cut, book.num_read) == (3, 2, 1, 5)
    line = describe_reading(book.num_read, book.dropped, book.num_cut)
    assert line == "5 tunes read, dropped: 2 without X:; 1 cut short, with music below an empty line"


def test_more_tunes_than_any_corpus_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunebook, "MAX_TUNES", 2)
    with pytest.raises(InputError, match="3 lines begin a tune"):
        read_tunebook("X:1\nX:2\nX:3\n")


@pytest.mark.parametrize(
    "text",
    [
        "%%begintext\n%%endtext\n" * 20_000,
        "%%begintext\n" * 40_000,
        "X:1\n" + "%abc\n" * 80_000,
        "\ufeff" * 40_000,
        "X:1\nK:C\n" + "C|\n\n" * 40_000,
        "\n" * 200_000,
        "M:4/4\n+:\n" * 20_000 + "X:1\n",
        '["C' * 40_000,
        "X:1\nK:C\nV:2\n" + "[V:1]" * 40_000,
    ],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    start = time.process_time()
    for tune in read_tunebook(text).tunes:
        parse_tune(tune)
    # A second or so; anything quadratic takes minutes.
    assert time.process_time() - start < 10


def test_a_mark_inside_a_tune_parts_nothing() -> None:
    header = "X:1\nT:a\nM:4/4\nL:1/4\n"
    for text in (f"{header}K:C\nCDEF|\n\ufeffGABc|]\n", f"{header}\ufeffK:C\nCDEF|\nGABc|]\n"):
        book = read_tunebook(text)
        assert [tune.replace("\ufeff", "") for tune in book.tunes] == [f"{header}K:C\nCDEF|\nGABc|]"]
    both = read_tunebook(f"{header}K:C\nCDEF|]\n\ufeff{header}K:G\nGABc|]\n")
    assert len(both.tunes) == 2
