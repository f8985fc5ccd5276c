"""What choices between two tunes say about a change, and when they say nothing."""

import math
from typing import Any

import pytest

from musicgen.listening.answer_tables import Choice
from musicgen.listening.preferences import preferences_table


def chosen(listener: int, pair: int, seed: int, *, is_chosen: bool, arm: str = "gru", **more: Any) -> Choice:
    known = {
        "listener": f"listener {listener}",
        "pair_id": f"{arm} {pair}",
        "arm": arm,
        "is_chosen": is_chosen,
        "side": 1,
        "seed": seed,
        "run_id": "r",
        "index": pair,
        "baseline_run_id": "b",
        "baseline_index": pair,
        "is_repeat": False,
        "anchor": "",
        "position": pair,
        "chosen_at": "",
    }
    return Choice(**known | more)


def session(num_listeners: int, num_seeds: int, lost: int = 8, arm: str = "gru") -> list[Choice]:
    """Each listener hears 24 pairs and rejects the arm in every eighth."""
    return [
        chosen(listener, pair, pair % num_seeds, is_chosen=(pair + listener) % lost > 0, arm=arm)
        for listener in range(num_listeners)
        for pair in range(24)
    ]


def test_listeners_who_agree_over_seeds_show_a_preference() -> None:
    choices = session(4, 3)
    repeats = [chosen(0, 0, 0, is_chosen=False, is_repeat=True)]
    (row,) = preferences_table(choices + repeats).to_dict("records")
    assert row["num_choices"] == 96 and row["share"] == pytest.approx(7 / 8)
    assert 0.5 < row["ci_low"] < 7 / 8 < row["ci_high"]
    assert row["p_holm"] == row["p_value"] < 0.05
    assert row["verdict"].startswith("the arm is preferred (Holm p ") and row["verdict"].endswith(
        ", 4 listeners, 3 seeds)"
    )
    against = [chosen(one.position % 4, one.position, one.seed or 0, is_chosen=False) for one in choices]
    (row,) = preferences_table(against).to_dict("records")
    assert row["verdict"].startswith("the baseline is preferred (")


def test_a_taste_that_differs_between_listeners_or_seeds_is_not_claimed() -> None:
    by_listener = [chosen(one, pair, pair % 3, is_chosen=one > 0) for one in range(4) for pair in range(24)]
    by_seed = [chosen(one, pair, pair % 3, is_chosen=pair % 3 > 0) for one in range(4) for pair in range(24)]
    for choices in (by_listener, by_seed):
        (row,) = preferences_table(choices).to_dict("records")
        assert row["share"] > 0.6 and row["p_holm"] > 0.05
        assert row["verdict"].startswith("cannot be told from these choices (Holm p = ")


@pytest.mark.parametrize(
    ("num_listeners", "num_seeds", "words"),
    [
        (1, 3, "cannot be told: one listener speaks for one person"),
        (4, 2, "cannot be told: 2 seeds of at least 3"),
        (1, 1, "cannot be told: one listener speaks for one person; 1 seed of at least 3"),
    ],
)
def test_one_listener_or_two_seeds_claim_nothing(num_listeners: int, num_seeds: int, words: str) -> None:
    (row,) = preferences_table(session(num_listeners, num_seeds)).to_dict("records")
    assert row["verdict"] == words and math.isnan(row["p_value"]) and math.isnan(row["p_holm"])
    # The interval is about this person, or these networks.
    assert 0.5 < row["ci_low"] < row["share"] < row["ci_high"]


def test_p_values_are_adjusted_over_the_arms_that_can_be_judged() -> None:
    choices = [*session(4, 3), *session(4, 3, lost=4, arm="wide"), *session(4, 2, arm="few")]
    anchors = [chosen(0, 0, 0, is_chosen=True, arm="corpus", anchor="corpus", pair_id="anchor")]
    rows = {row["arm"]: row for row in preferences_table(choices + anchors).to_dict("records")}
    assert list(rows) == ["gru", "wide", "few", "corpus"]
    assert rows["gru"]["p_holm"] == pytest.approx(2 * rows["gru"]["p_value"])
    assert math.isnan(rows["few"]["p_holm"]) and rows["corpus"]["verdict"] == ""
