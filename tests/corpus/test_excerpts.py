from musicgen.corpus.excerpts import evenly_spaced, number_within

TEXTS = [str(number) * 10 for number in range(10)]


def test_an_excerpt_has_about_so_many_characters() -> None:
    assert evenly_spaced(TEXTS, number_within(TEXTS, 100)) is TEXTS
    assert evenly_spaced(TEXTS, number_within(TEXTS, 50)) == TEXTS[::2]


def test_all_tunes_are_the_excerpt_if_no_more_are_wanted() -> None:
    assert evenly_spaced(TEXTS, None) is TEXTS
    assert evenly_spaced(TEXTS, 11) is TEXTS
