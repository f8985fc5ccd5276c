"""What a change gains and costs: the words, and what may be recommended."""

from typing import Any

from musicgen.effects.effect import Effect, Grade
from musicgen.effects.trades import Trade, headline_trades, trade_sentences
from tests.effects.made_effects import made_effect
from tests.records.made_runs import LOSS, RATE, made_run

LOOPS, ENDS, DISTINCT = "validity/loop_rate", "validity/ended_rate", "diversity/distinct_4"
REAL = {DISTINCT: 0.62, LOOPS: 0.001}


def effect(metric: str, baseline: float, changed: float, gain: float, **cells: Any) -> Effect:
    known: dict[str, Any] = {
        "baseline_mean": baseline,
        "mean": changed,
        "difference": changed - baseline,
        "gain": gain,
        "gain_low": gain,
        "gain_high": gain,
        "margin": 0.05,
    }
    return made_effect("sampling.temperature", cells.pop("value", 0.5), metric, **known | cells)


def trades_of(*effects: Effect) -> list[Trade]:
    run = made_run()
    run.record.reference = {name: {"mean": mean, "sd": 0.1} for name, mean in REAL.items()}
    return headline_trades(effects, [DISTINCT], [run])


def test_a_trade_names_what_gets_better_and_worse_beside_real_tunes() -> None:
    (trade,) = trades_of(
        effect(LOOPS, 0.35, 0.02, 0.33),
        effect(RATE, 0.5, 0.6, 0.1, grade=Grade.LIKELY),
        effect(DISTINCT, 0.62, 0.41, -0.21),
        effect(ENDS, 0.9, 0.91, 0.01, grade=Grade.UNCLEAR),
        effect("validity/bar_rate", 0.9, 0.1, -0.8),
    )
    assert trade_sentences([trade]) == [
        "temperature=0.5: better: loop rate 0.35 → 0.020 (real 0.001); likely better: sound rate "
        "0.50 → 0.60; worse: distinct 4-grams 0.62 → 0.41 (real 0.62)."
    ]


def test_a_gain_whose_tunes_end_less_says_so() -> None:
    (trade,) = trades_of(effect(LOSS, 1.1, 1.0, 0.1), effect(ENDS, 0.57, 0.29, -0.28, grade=Grade.UNCLEAR))
    assert trade.sentence == (
        "temperature=0.5: better: validation loss 1.10 → 1.00; but note: ended rate 0.57 → 0.29."
    )


def test_the_largest_effect_in_margins_comes_first() -> None:
    small = effect(RATE, 0.5, 0.6, 0.1, value=0.4)
    large = effect(LOSS, 1.0, 1.1, -0.1, value=0.6, margin=0.02)
    unknown = effect(RATE, 0.5, 0.9, 0.4, value=0.8, grade=Grade.UNCLEAR)
    found = trades_of(small, unknown, large)
    assert [trade.change[-3:] for trade in found] == ["0.6", "0.4", "0.8"]
    assert trade_sentences(found)[-1] == (
        "No headline metric gets likely better or worse with temperature=0.8."
    )
    assert trade_sentences(trades_of(unknown)) == [
        "No headline metric gets likely better or worse with any of 1 change."
    ]


def costs_of(*effects: Effect) -> list[str]:
    (trade,) = trades_of(*effects)
    return trade.costs


def test_what_gets_worse_is_a_cost_whether_clear_or_likely() -> None:
    better = effect(RATE, 0.5, 0.6, 0.1)
    assert costs_of(better) == []
    for grade in (Grade.CLEAR, Grade.LIKELY):
        assert costs_of(better, effect(LOSS, 1.0, 1.1, -0.1, grade=grade)) == [
            "worse validation loss 1.00 → 1.10"
        ]
    for grade in set(Grade) - {Grade.CLEAR, Grade.LIKELY}:
        assert costs_of(better, effect(LOSS, 1.0, 1.1, -0.1, grade=grade)) == []


def test_tunes_that_loop_more_or_end_less_are_a_cost_without_proof() -> None:
    better = effect(RATE, 0.5, 0.6, 0.1)
    unclear: dict[str, Any] = {"grade": Grade.UNCLEAR, "margin": 0.01}
    assert costs_of(better, effect(LOOPS, 0.0, 0.02, -0.02, **unclear)) == [
        "loop rate 0.00 → 0.020 (real 0.001)"
    ]
    assert costs_of(better, effect(ENDS, 0.9, 0.8, -0.1, **unclear)) == ["ended rate 0.90 → 0.80"]
    assert costs_of(better, effect(LOOPS, 0.0, 0.009, -0.009, **unclear)) == []
    assert costs_of(better, effect(ENDS, 0.9, 0.95, 0.05, **unclear)) == []


def test_a_setting_whose_tunes_mostly_never_end_has_a_cost() -> None:
    assert costs_of(effect(ENDS, 0.1, 0.4, 0.3)) == ["ended rate 0.10 → 0.40"]
    assert costs_of(effect(LOOPS, 0.9, 0.6, 0.3)) == ["loop rate 0.90 → 0.60 (real 0.001)"]
    assert costs_of(effect(ENDS, 0.1, 0.6, 0.5)) == []
