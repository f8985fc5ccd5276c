import math
from dataclasses import replace

import pytest

from musicgen.metrics import registry
from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.registry import METRICS, measure
from musicgen.metrics.tunes import read_tunes
from tests.soak.commands import small_tune

COMPARISON = Comparison(tuple(read_tunes([small_tune(0)])), 1, Corpus.of([], []), 10, 20, seed=0)


def test_every_metric_has_a_value_or_a_reason() -> None:
    metrics, reasons = measure(COMPARISON)
    assert list(metrics) == [name for name, metric in METRICS.items() if metric.compute is not None]
    assert set(reasons) == {name for name, value in metrics.items() if value is None}
    assert metrics["validity/tune_rate"] == 1.0 and isinstance(metrics["validity/tune_rate"], float)
    assert metrics["originality/copied_share"] is None
    assert reasons["originality/copied_share"] == "no training tune has a note"


def test_left_out_metrics_have_neither_value_nor_reason() -> None:
    metrics, reasons = measure(COMPARISON, {"validity/tune_rate", "originality/copied_share"})
    assert not {"validity/tune_rate", "originality/copied_share"} & {*metrics, *reasons}
    assert "validity/bar_rate" in metrics and "originality/novelty_8" in reasons


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_infinite_values_are_assertion_errors(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "validity/tune_rate"
    monkeypatch.setattr(registry, "METRICS", {name: replace(METRICS[name], compute=lambda _: value)})
    with pytest.raises(AssertionError, match=f"{name} is {value}"):
        measure(COMPARISON)


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_values_outside_the_limits_are_assertion_errors(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "validity/tune_rate"
    monkeypatch.setattr(registry, "METRICS", {name: replace(METRICS[name], compute=lambda _: value)})
    with pytest.raises(AssertionError, match=f"{name} is {value}, outside 0 to 1"):
        measure(COMPARISON)
