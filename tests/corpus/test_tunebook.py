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


def test_file_headers_may_have_several_paragraphs() -> None:
    assert tunes_of(f"%abc\n\nM:6/8\n+: (slow)\n\n%%scale 0.7\nL:1/16\n{TWO}")[0].split("\n")[2:4] == [
        "M:6/8 (slow)",
        "L:1/16",
    ]


def test_prose_above_the_first_tune_is_not_a_file_header() -> None:
    words = "Songs of the road,\nM: and L: are mine\n\n"
    half = "T:Lost\nM:3/4\nL:1/2\nK:C\n\n"
    block = "%%begintext\nM:3/4\n\nX:7\n%%endtext\n\n"
    for above in (words, half, block, "H:history\nof many lines\nM:3/4\n\n"):
        assert tunes_of(above + TWO) == [TWO]


BLOCK = "X:1\nK:C\nCDEF|\n%%begintext\n\nX:9\nK:G\n\n%%endtext\nGABc|"


@pytest.mark.parametrize(
    ("text", "tunes"),
    [
        (f"{ONE}\n\nM:6/8\n\n{TWO}", [ONE, TWO]),
        ("U:W=!trill!\n\nX:1\nU:V=!fermata!\nK:C\nWCVD|", ["X:1\nU:W=!trill!\nU:V=!fermata!\nK:C\nWCVD|"]),
        ("M:6/8\n\nX:1\n%abc-2.1\nK:C\nCDE|", ["X:1\nM:6/8\n%abc-2.1\nK:C\nCDE|"]),
        ("X:1\nK:C\n|:CDEF|\nX:|\nGABc|", ["X:1\nK:C\n|:CDEF|\nX:|\nGABc|"]),
        (f"%%begintext\nX:8\nK:C\nC|\n%%endtext\n\n{BLOCK}\n\n{TWO}", [BLOCK, TWO]),
    ],
    ids=["fields between tunes", "symbols and macros", "version in a header", "rest X", "text blocks"],
)
def test_tunes(text: str, tunes: list[str]) -> None:
    assert tunes_of(text) == tunes


@pytest.mark.parametrize(
    "mark", ["\n\n\ufeff", "\ufeff", "\n\n%abc-2.1\n", "\n%abc-2.1\n", "%abc\n", "\n\ufeff%abc\n"]
)
def test_a_joined_file_ends_the_previous_tune_and_header(mark: str) -> None:
    assert tunes_of(f"M:6/8\nL:1/8\n\n{ONE}{mark}L:1/2\n\n{TWO}") == [ONE, TWO.replace("K:", "L:1/2\nK:")]


def test_an_unclosed_text_block_does_not_hide_other_tunes() -> None:
    text = f"{ONE}\n%%begintext\nwords\n\n{TWO}\n\nX:3\nK:C\n%%begintext\nwords\n\nmore\n%%endtext\nC|"
    assert [tune.split("\n")[0] for tune in tunes_of(text)] == ["X:1", "X:2", "X:3"]
    assert tunes_of(text)[2].endswith("C|")


def test_x_fields_may_have_blanks() -> None:
    assert [tune.split("\n")[0] for tune in tunes_of("X : 1\nK:C\nC|\n X:\t2 % x\nK:C\nD|")] == [
        "X : 1",
        " X:\t2 % x",
    ]


def test_cut_and_unnumbered_tunes_are_counted() -> None:
    book = read_tunebook(
        "T:Above\nK:C\nCDEF|\n\n"
        f"{ONE}\n\nefga|fedc|\n\nAnother |word| about\n\n{TWO}\n\nT:No number\nM:4/4\nK:G\nGABc|\n\n"
        "X:3\nK:C\nC|\n\nwords | and words\n\nK:G is a key\n"
    )
    assert (len(book.tunes), book.num_without_number, book.num_cut, book.num_read) == (3, 2, 1, 5)
    line = describe_reading(book.num_read, book.dropped, book.num_cut)
    assert line == "5 tunes read, dropped: 2 without X:; 1 cut short, with music below an empty line"


def test_too_many_tunes_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunebook, "MAX_TUNES", 2)
    with pytest.raises(InputError, match="3 X: fields; a corpus may have at most 2 tunes"):
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
    # Linear time is about a second; quadratic time would be minutes.
    assert time.process_time() - start < 10


def test_a_byte_order_mark_inside_a_tune_is_ignored() -> None:
    header = "X:1\nT:a\nM:4/4\nL:1/4\n"
    for text in (f"{header}K:C\nCDEF|\n\ufeffGABc|]\n", f"{header}\ufeffK:C\nCDEF|\nGABc|]\n"):
        book = read_tunebook(text)
        assert [tune.replace("\ufeff", "") for tune in book.tunes] == [f"{header}K:C\nCDEF|\nGABc|]"]
    both = read_tunebook(f"{header}K:C\nCDEF|]\n\ufeff{header}K:G\nGABc|]\n")
    assert len(both.tunes) == 2
