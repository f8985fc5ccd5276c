import numpy as np
import pytest

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.per_tune import NEAREST_COLUMNS, tune_rows
from musicgen.metrics.tunes import read_corpus, read_tunes
from musicgen.notation import parse_tune
from musicgen.notation.melodies import melody_of
from tests.metrics.made_tunes import HEADER

TRAINING_HEADER, OWN_HEADER = "X:7\nT:Source\nM:6/8\nK:D\n", "X:1\nT:Own\nM:4/4\nL:1/8\nK:D\n"
FIELDS = "M:6/8\nL:1/8\nK:D\n"
OTHER = "X:8\nT:Other\nM:4/4\nL:1/8\nK:C\n_B,^G_B,^G|"


def row_of(own: str, *training: str) -> dict[str, object]:
    corpus = read_corpus([OTHER, *training])
    delivered = tuple(read_tunes([own]))
    (row,) = tune_rows(Comparison(delivered, 1, Corpus.of(corpus, corpus), 1, 10, seed=0))
    return row


@pytest.mark.parametrize(
    ("body", "own", "num_notes", "passage"),
    [
        pytest.param("AFD AFD|Bcd edB|d6|]", "G2g2|BcdedB g2|", 6, "Bcd edB", id="one bar"),
        pytest.param("AFD AFD|Bcd edB|d6|]", "g'2AFDBcd|G8|", 6, "AFD AFD|Bcd edB", id="across a bar line"),
        pytest.param("AFD GBd|edB AFE|D6|]", "AFDGBd|g'8", 6, "AFD GBd", id="at the very start"),
        pytest.param("AFD GBd|edB AFE|D6|]", "g'2edBAFED", 7, "edB AFE|D6", id="at the very end"),
        pytest.param("AFD GBd:|\nedB AFE|D6|]", "g'2GBdedBg", 6, "AFD GBd:|\nedB AFE", id="over a repeat"),
        pytest.param(
            "|:AFD GBd|1edB A3:|2efg A3|]",
            "G2dedBAefgAg'",
            9,
            "AFD GBd|1edB A3:|2efg A3",
            id="first and second ending as written",
        ),
    ],
)
def test_the_nearest_passage_is_cut_from_the_training_tune(
    body: str, own: str, num_notes: int, passage: str
) -> None:
    row = row_of(OWN_HEADER + own, TRAINING_HEADER + body)
    assert row["nearest_tune"] == "Source"
    assert row["nearest_notes"] == row["longest_copy"] == num_notes
    assert row["nearest_transposition"] == 0
    assert row["nearest_tune_passage"] == FIELDS + passage


SCALES = "DEF GAB|cde fed|cBA GFE"
SCALES_IN_C = "CDEFGABcdedcBAGFED"


def test_a_long_transposed_copy_is_reported_with_its_interval() -> None:
    row = row_of(OWN_HEADER.replace("K:D", "K:C") + SCALES_IN_C, TRAINING_HEADER + SCALES + "|D6")
    assert (row["nearest_tune"], row["nearest_start"], row["nearest_transposition"]) == ("Source", 0, -2)
    assert row["nearest_notes"] == row["longest_transposed_copy"] == 18
    assert row["nearest_passage"] == SCALES_IN_C
    assert row["nearest_tune_passage"] == FIELDS + SCALES
    copied = melody_of(parse_tune(str(row["nearest_tune_passage"]))).pitches
    own = melody_of(parse_tune(OWN_HEADER.replace("K:D", "K:C") + SCALES_IN_C)).pitches
    assert np.array_equal(copied - 2, own)


def test_a_copy_as_written_beats_a_short_transposed_one() -> None:
    short = OWN_HEADER.replace("K:D", "K:C") + "CDEFGABcde"
    row = row_of(short, TRAINING_HEADER + SCALES, OTHER.replace("Other", "Same").replace("_B,^G", "CDE"))
    assert row["longest_transposed_copy"] == 10
    assert (row["nearest_tune"], row["nearest_notes"], row["nearest_transposition"]) == ("Same", 3, 0)


PASSAGE, UP = "CDEF|GABc|cBAG|FEDC|", "DE^FG|AB^cd|d^cBA|G^FED|"
"""Sixteen notes, and the same a tone higher."""


def test_the_nearest_tune_comes_with_the_copied_bars() -> None:
    odd = "^C2^C2|^D2^D2|^C2^D2|^D2^C2|"
    source = HEADER.replace("One", "Source") + PASSAGE
    row = row_of(HEADER + odd + PASSAGE, HEADER + odd.replace("^C", "B"), source)
    assert (row["nearest_tune"], row["nearest_passage"]) == ("Source", "CDEF|GABc|cBAG|FEDC")
    assert (row["nearest_start"], row["nearest_notes"], row["nearest_transposition"]) == (8, 16, 0)
    row = row_of(HEADER + "^G^G|CD|EF^G|^G|", HEADER + "CDEF|")
    assert (row["nearest_start"], row["nearest_notes"], row["nearest_passage"]) == (2, 4, "CD|EF^G")


@pytest.mark.parametrize(("own", "transposition"), [(UP, 2), (PASSAGE, 0)])
def test_a_transposed_copy_is_nearest_only_if_long_and_longer(own: str, transposition: int) -> None:
    row = row_of(HEADER + own, HEADER + PASSAGE)
    assert (row["nearest_tune"], row["nearest_start"], row["nearest_notes"]) == ("One", 0, 16)
    assert row["nearest_transposition"] == transposition


def test_cells_are_empty_without_a_copy_or_a_corpus() -> None:
    row = row_of(OWN_HEADER + "g'4")
    assert {row[name] for name in NEAREST_COLUMNS} == {None} and row["longest_copy"] == 0
    alone = Comparison(tuple(read_tunes([OWN_HEADER + "A"])), 1, Corpus.of([], []), 1, 10, seed=0)
    assert {tune_rows(alone)[0][name] for name in (*NEAREST_COLUMNS, "longest_copy")} == {None}


def test_a_row_by_hand() -> None:
    own = "X:1\nT:Own\nM:4/4\nL:1/4\nK:D\nDDDA|D2|FGAB|d4|DDDA|D2F2|AAAD|"
    row = row_of(own, TRAINING_HEADER + "FGA B3|")
    # 20 notes: ten D, six A, two F, one G, one B.
    shares = np.array([10, 6, 2, 1, 1]) / 20
    assert row == {
        "title": "Own",
        "is_sound": False,
        "is_whole": False,
        "is_strictly_sound": False,
        "what_is_wrong": "bar 2 is too short",
        "num_notes": 20,
        "num_bars": 7,
        "num_valid_bars": 6,
        "is_complete": True,
        "parses": None,
        "is_valid": False,
        "first_problem": None,
        "pitch_class_entropy": pytest.approx(-(shares * np.log2(shares)).sum()),
        "pitch_range": 12,
        # The fifth bar repeats the first, the sixth and seventh are new.
        "lag_repeat": 1 / 3,
        "distinct_bars": 6 / 7,
        "is_ended": True,
        "loop_bars": None,
        "loop_statements": None,
        "ends_on_tonic": True,
        "section_lengths": "7",
        "section_tonic_endings": 1.0,
        "section_ends_that_fit": 1.0,
        "has_form": False,
        "has_long_last_note": False,
        "downbeat_triad": 1.0,
        "is_in_its_key": True,
        "commonest_rhythm": 4 / 7,
        "longest_copy": 4,
        "longest_transposed_copy": 4,
        "has_copy": False,
        "copied_share": 0.0,
        "novelty_8": 1.0,
        "nearest_tune": "Source",
        "nearest_passage": "FGAB",
        "nearest_start": 5,
        "nearest_notes": 4,
        "nearest_transposition": 0,
        "nearest_tune_passage": FIELDS + "FGA B3",
    }


def test_a_tune_without_notes_has_empty_cells() -> None:
    row = row_of("X:1\nK:C\n")
    own = ("pitch_class_entropy", "pitch_range", "lag_repeat", "distinct_bars", "ends_on_tonic")
    compared = ("copied_share", "novelty_8", "longest_copy", "longest_transposed_copy", *NEAREST_COLUMNS)
    assert {row[name] for name in (*own, *compared)} == {None}
    assert (row["num_notes"], row["num_bars"], row["is_complete"], row["is_valid"]) == (0, 0, False, False)
    assert row_of("X:1\nL:1/8\nK:C\nCDE")["novelty_8"] is None
