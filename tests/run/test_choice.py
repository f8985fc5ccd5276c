import pytest

from musicgen.run.choice import choose_tunes
from musicgen.sampling.generation import SampledTune

SECTION = "CDEF GABc|cBAG FEDC|CEGE CEGE|c2G2 E2C2|CDEF GABc|cBAG FEDC|GFED CDEF|E2D2 "
FORM = f"{SECTION}C4:|\n{SECTION}C4:|"
SHORT_LAST_NOTE = f"{SECTION}C4:|\n{SECTION}EDDC:|"
NO_FORM = f"{SECTION}C4|]"
OFF_TONIC = f"{SECTION}D4|]"


def tunes(*bodies: str) -> list[SampledTune]:
    return [
        SampledTune(10 + place, "X:", 1.0, f"X:1\nM:4/4\nL:1/8\nK:C\n{body}", True)
        for place, body in enumerate(bodies)
    ]


def chosen(wanted: int, *bodies: str) -> list[int]:
    return [tune.index for tune in choose_tunes(tunes(*bodies), wanted).tunes]


@pytest.mark.parametrize("worse", [SHORT_LAST_NOTE, NO_FORM, OFF_TONIC])
def test_form_and_a_long_last_note_come_first(worse: str) -> None:
    assert chosen(2, worse, FORM, worse, FORM, FORM) == [11, 13]


@pytest.mark.parametrize("sound", [SHORT_LAST_NOTE, NO_FORM])
def test_then_other_sound_tunes_in_the_order_of_draws(sound: str) -> None:
    assert chosen(3, OFF_TONIC, sound, sound, FORM, sound) == [11, 12, 13]


def test_others_fill_up_and_a_line_says_so() -> None:
    choice = choose_tunes(tunes(OFF_TONIC, OFF_TONIC, OFF_TONIC, NO_FORM, FORM), 4)
    assert [tune.index for tune in choice.tunes] == [10, 11, 13, 14]
    assert choice.shortfall == "2 of the 4 rendered tunes are sound: the run has no more"
    none = choose_tunes(tunes(OFF_TONIC), 4)
    assert none.shortfall == "none of the 1 rendered tunes is sound: the run has none"
    one = choose_tunes(tunes(OFF_TONIC, NO_FORM), 4)
    assert one.shortfall == "1 of the 2 rendered tunes is sound: the run has no more"


def test_sound_tunes_alone_need_no_words() -> None:
    assert choose_tunes(tunes(NO_FORM, OFF_TONIC, FORM), 2).shortfall == ""
    assert choose_tunes(tunes(FORM), 0).tunes == [] and choose_tunes(tunes(FORM), 0).shortfall == ""


def test_a_sound_tune_with_form_is_played_first() -> None:
    best = choose_tunes(tunes(OFF_TONIC, NO_FORM, FORM), 2).best
    assert best is not None and best.index == 12
    assert choose_tunes([], 2).best is None
