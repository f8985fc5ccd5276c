from dataclasses import replace

from musicgen.run.draws import draw_tunes
from musicgen.sampling.generation import SampledTune
from tests.sampling.test_generation import CONFIG

BATCHES: list[range] = []


def drawn(draws: range) -> list[SampledTune]:
    """Every third tune has a note below middle C."""
    BATCHES.append(draws)
    bodies = ["C4|" if draw % 3 else "B,4|" for draw in draws]
    return [
        SampledTune(draw, "X:", 1.0, f"X:1\nM:4/4\nL:1/4\nK:C\n{body}", True)
        for draw, body in zip(draws, bodies, strict=True)
    ]


def test_without_conditions_every_draw_is_kept() -> None:
    draws = draw_tunes(drawn, CONFIG)
    assert len(draws.tunes) == 6 and draws.kept == draws.tunes and not draws.conditions


def test_tunes_are_drawn_until_enough_are_kept() -> None:
    BATCHES.clear()
    draws = draw_tunes(drawn, replace(CONFIG, range=["C4", "C6"]))
    assert [range(6), range(6, 12)] == BATCHES
    assert [tune.index for tune in draws.tunes] == list(range(12))
    assert [tune.index for tune in draws.kept] == [1, 2, 4, 5, 7, 8]
    assert draws.summary == "kept 6 of 12 draws: all notes in sampling.range=C4-C6"


def test_drawing_stops_at_its_limit() -> None:
    BATCHES.clear()
    draws = draw_tunes(drawn, replace(CONFIG, range="D5-C6", max_draws=14))
    assert [range(6), range(6, 12), range(12, 14)] == BATCHES
    assert len(draws.tunes) == 14 and not draws.kept
