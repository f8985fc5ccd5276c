import pytest

from musicgen.corpus.tunes import clean_tune, normalised_body, split_header, split_tunes

FIELDS = frozenset("XTRMLK")
TUNE = "X:1\nT:One\nM:4/4\nK:D\nABcd|\nefga|"


def test_tunes_are_cut_at_blank_lines_and_text_between_them_is_left_out() -> None:
    text = f"%abc-2.1\nfile header\n\n{TUNE}\n\nsome words\n\nX:2\nK:G\nGABc|\n"
    assert split_tunes(text) == [TUNE, "X:2\nK:G\nGABc|"]


def test_a_missing_blank_line_does_not_join_two_tunes() -> None:
    assert split_tunes(f"{TUNE}\nX:2\nK:G\nGABc|") == [TUNE, "X:2\nK:G\nGABc|"]


def test_a_line_of_spaces_is_blank() -> None:
    assert split_tunes("X:1\nK:G\nGABc|\n  \nfree text\n") == ["X:1\nK:G\nGABc|"]


def test_text_without_a_tune_has_none() -> None:
    assert split_tunes("") == []
    assert split_tunes("just words\n") == []


def test_cleaning_keeps_the_fields_asked_for_and_the_body() -> None:
    tune = 'X: 1\nT: One \nZ: me@example.org\nN:note\n%%x\nM:C\nK:D\n"D"AB  cd | % end\nw: la la\nef ga |!\n'
    assert clean_tune(tune, FIELDS) == 'X:1\nT:One\nM:C\nK:D\n"D"AB cd |\nef ga |'


@pytest.mark.parametrize("line", ["!trill!AB c|", '"50\\% slower"AB c|', '"50% slower"AB c|'])
def test_cleaning_keeps_decorations_and_percent_signs_in_words(line: str) -> None:
    assert clean_tune(f"X:1\nK:C\n{line}", FIELDS) == f"X:1\nK:C\n{line}"


def test_header_ends_with_the_key() -> None:
    assert split_header(TUNE) == ("X:1\nT:One\nM:4/4\nK:D\n", "ABcd|\nefga|")
    assert split_header("X:1\nT:no key") == ("X:1\nT:no key", "")


def test_layout_makes_no_difference_to_a_normalised_body() -> None:
    assert normalised_body("X:9\nT:Other\nK:D\nAB cd| efga|!\n") == normalised_body(TUNE)
    assert normalised_body(TUNE) == "ABcd|efga|"
