from dataclasses import replace

from musicgen.run.draws import draw_tunes
from musicgen.sampling.generation import SampledTune
from tests.sampling.test_generation import CONFIG

BATCHES: list[range] = []


def drawn(draws: range) -> list[SampledTune]:
    """Every third tune has a note below middle C, every fifth ends off its tonic."""
    BATCHES.append(draws)
    bodies = [("C2" if draw % 3 else "B,2") + ("D2|" if draw % 5 == 0 else "C2|") for draw in draws]
    return [
        SampledTune(draw, "X:", 1.0, f"X:1\nM:4/4\nL:1/4\nK:C\n{body}", True)
        for draw, body in zip(draws, bodies, strict=True)
    ]


def test_without_conditions_every_draw_is_kept() -> None:
    draws = draw_tunes(drawn, CONFIG)
    assert len(draws.tunes) == 6 and draws.kept == draws.tunes and not draws.has_conditions


def test_tunes_are_drawn_until_enough_are_kept() -> None:
    BATCHES.clear()
    draws = draw_tunes(drawn, replace(CONFIG, range=["C4", "C6"]))
    assert [range(6), range(6, 12)] == BATCHES
    assert [tune.index for tune in draws.tunes] == list(range(12))
    assert [tune.index for tune in draws.kept] == [1, 2, 4, 5, 7, 8]
    assert draws.summary == "6 of 12 draws kept: in the range C4-C6"


def test_only_sound_tunes_can_be_kept() -> None:
    draws = draw_tunes(drawn, replace(CONFIG, keep="sound"))
    assert [tune.index for tune in draws.kept] == [1, 2, 3, 4, 6, 7]
    assert draws.summary == "6 of 12 draws kept: sound"


def test_all_conditions_hold_for_each_kept_tune() -> None:
    draws = draw_tunes(drawn, replace(CONFIG, keep="sound", range="C4-C6"))
    assert [tune.index for tune in draws.kept] == [1, 2, 4, 7, 8, 11]
    assert draws.summary == "6 of 12 draws kept: sound, in the range C4-C6"


def test_a_tune_at_the_cap_is_not_sound() -> None:
    def capped(draws: range) -> list[SampledTune]:
        return [replace(tune, ended=False) for tune in drawn(draws)]

    assert not draw_tunes(capped, replace(CONFIG, keep="sound", max_draws=6)).kept


def test_drawing_stops_at_its_limit() -> None:
    BATCHES.clear()
    draws = draw_tunes(drawn, replace(CONFIG, range="D5-C6", max_draws=14))
    assert [range(6), range(6, 12), range(12, 14)] == BATCHES
    assert len(draws.tunes) == 14 and not draws.kept
    assert draws.summary == "0 of 14 draws kept: in the range D5-C6; 6 were wanted, but max_draws is 14"
