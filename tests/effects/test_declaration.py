"""Pairs are believed if the configs differ as declared."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from musicgen.effects.differences import undeclared_differences
from musicgen.effects.pairing import identity_leaves
from tests.records.made_runs import made_run

RATE = "training.learning_rate"
BASELINE = made_run("baseline")


def undeclared(
    overrides: Mapping[str, object],
    change: tuple[str, object, object],
    also: list[str] | None = None,
    retuned: Mapping[str, object] | None = None,
) -> list[str]:
    run = made_run("arm", overrides=overrides, change=change, retuned=retuned)
    assert run.record.change is not None
    if also is not None:
        run.record.change = replace(run.record.change, also_changes=also)
    baseline, changed = (identity_leaves(one.record.config) for one in (BASELINE, run))
    return undeclared_differences(baseline, changed, run.record)


@pytest.mark.parametrize(
    ("overrides", "change", "also", "retuned"),
    [
        ({RATE: 0.1}, (RATE, 0.1, 0.005), None, None),
        ({"model.cell": "gru", "model.hidden_size": 7}, ("model", "gru", "lstm"), [], None),
        ({RATE: 7, "model.hidden_size": 7}, ("training", "x", "y"), ["model.hidden_size"], None),
        ({"model.hidden_size": 7, RATE: 0.1}, ("model.hidden_size", 7, 64), None, {RATE: 0.1}),
        ({"training.num_threads": 4}, ("training.num_threads", None, 1), None, None),
        ({RATE: 0.1, "model.hidden_size": 7}, ("combined", "all of them", None), None, None),
    ],
)
def test_what_is_declared_may_differ(
    overrides: dict, change: tuple, also: list[str] | None, retuned: dict | None
) -> None:
    assert undeclared(overrides, change, also, retuned) == []


@pytest.mark.parametrize(
    ("overrides", "change", "also", "names"),
    [
        ({RATE: 0.1, "model.hidden_size": 7}, (RATE, 0.1, 0.005), None, ["model.hidden_size"]),
        ({RATE: 0.2}, (RATE, 0.1, 0.005), None, [RATE]),
        ({"model.cell": "gru", RATE: 0.1}, ("model", "gru", "lstm"), [], [RATE]),
        ({"model.cell": "gru", "data.clean": False}, ("model", "gru", "lstm"), [RATE], ["data.clean"]),
    ],
)
def test_what_is_not_declared_is_named(
    overrides: dict, change: tuple, also: list[str] | None, names: list[str]
) -> None:
    assert undeclared(overrides, change, also) == names


def test_a_choice_of_an_older_record_may_set_anything() -> None:
    assert undeclared({"model.cell": "gru", RATE: 0.1}, ("model", "gru", "lstm")) == []


def test_a_seed_that_contradicts_the_config_is_undeclared() -> None:
    run = made_run("arm", seed=3, overrides={RATE: 0.1}, change=(RATE, 0.1, 0.005), split_seed=0)
    run.record.config = {**run.record.config, "seed": 4}
    baseline, changed = (identity_leaves(one.record.config) for one in (BASELINE, run))
    assert undeclared_differences(baseline, changed, run.record) == ["seed"]
