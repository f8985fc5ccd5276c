from itertools import pairwise

import pytest

from musicgen.rendering.synthesis import Strike, deal


def strikes(*spans: tuple[float, float]) -> list[Strike]:
    return [Strike(start, end, end + 0.15, ((0, 60, 100),)) for start, end in spans]


def test_a_melody_needs_two_stems():
    melody = strikes(*((0.25 * step, 0.25 * (step + 1)) for step in range(12)))
    stems = deal(melody)
    assert [len(stem) for stem in stems] == [6, 6]
    assert all(strike.until == pytest.approx(strike.end + 0.15) for strike in melody)


def test_crowds_share_eight_stems_without_overlap():
    crowd = strikes(*((0.01 * step, 0.01 * step + 5.0) for step in range(40)))
    stems = deal(crowd)
    assert len(stems) == 8
    for stem in stems:
        for first, second in pairwise(stem):
            assert first.start <= first.end <= first.until <= second.start
