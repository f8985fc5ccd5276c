import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.effects.effect import Decision, Grade
from musicgen.effects.verdict import Evidence, answer, verdict

EFFECT = Evidence(
    "validity/tune_rate",
    family="primary",
    num_seeds=5,
    difference=0.11,
    low=0.06,
    high=0.16,
    equivalence_low=0.07,
    equivalence_high=0.15,
    margin=0.02,
    adjusted_p=0.004,
    minimum_detectable=0.05,
)
NOTHING = replace(
    EFFECT,
    difference=0.004,
    low=-0.016,
    high=0.024,
    equivalence_low=-0.011,
    equivalence_high=0.019,
    adjusted_p=0.9,
)
SINGLE = Evidence("validity/tune_rate", "primary", 1, difference=0.11, changed_value=0.2)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (EFFECT, "raises tune rate by 0.11 [0.06, 0.16], Holm p = 0.004, 5 seeds"),
        (
            replace(EFFECT, difference=-0.11, low=-0.16, high=-0.06, family="exploratory"),
            "lowers tune rate by 0.11 [0.06, 0.16], FDR p = 0.004, 5 seeds, exploratory",
        ),
        (
            replace(EFFECT, margin=0.2),
            "raises tune rate by 0.11 [0.06, 0.16], Holm p = 0.004, 5 seeds, less than the margin of 0.2",
        ),
        (NOTHING, "no effect larger than 0.02: +0.004, 90 % interval [−0.011, +0.019], 5 seeds"),
        (
            replace(NOTHING, equivalence_high=0.021, num_seeds=3),
            "inconclusive with 3 seeds; this design could detect effects of 0.05 or more",
        ),
        (
            replace(NOTHING, margin=math.nan, missing="1 diverged"),
            "inconclusive with 5 seeds; this design could detect effects of 0.05 or more; "
            "runs without a value: 1 diverged",
        ),
        (SINGLE, "a candidate to confirm with fresh seeds: +0.11 with one seed"),
        (
            replace(SINGLE, sampling_noise=0.02, prediction=(0.05, 0.12)),
            "a candidate to confirm with fresh seeds: +0.11 with one seed, sampling noise 0.02, "
            "outside the baseline's prediction interval [0.05, 0.12]",
        ),
        (replace(NOTHING, differs=False), "identical in all 5 seeds"),
        (replace(SINGLE, differs=False, shares_training=True), "identical with one seed (the same training)"),
        (
            replace(EFFECT, low=math.nan, adjusted_p=math.nan),
            "+0.11 in each of 5 seeds, no spread to judge by; confirm with fresh seeds",
        ),
        (replace(SINGLE, num_seeds=0, missing="2 diverged"), "no value to compare: 2 diverged"),
        (replace(SINGLE, num_seeds=0), "no value to compare: no seed in common with the baseline"),
    ],
)
def test_each_verdict_in_words(evidence: Evidence, words: str) -> None:
    assert verdict(evidence) == words


def test_a_value_inside_the_prediction_says_so() -> None:
    assert ", inside the baseline" in verdict(replace(SINGLE, prediction=(0.1, 0.3)))
    assert verdict(replace(SINGLE, chosen_by_itself=True)).endswith(
        "re-tuned on the same seed it is judged on"
    )


NUMBERS = st.floats(allow_infinity=False)


@given(
    st.builds(
        Evidence,
        st.just("fit/validation_loss"),
        st.sampled_from(["primary", "exploratory", "screening"]),
        st.integers(0, 20),
        *[NUMBERS] * 8,
        differs=st.booleans(),
        shares_training=st.booleans(),
        sampling_noise=NUMBERS,
        prediction=st.none() | st.tuples(NUMBERS, NUMBERS),
    )
)
def test_a_verdict_claims_only_what_the_evidence_allows(evidence: Evidence) -> None:
    words = verdict(evidence)
    assert words and "\n" not in words
    assert not re.search(r"no effect(?! larger than)", words)
    if evidence.num_seeds < 2:
        assert "raises" not in words and "lowers" not in words and " p " not in words
    claims = evidence.decision.is_claim
    assert claims == (words.startswith(("raises", "lowers")))
    assert not claims or evidence.adjusted_p <= 0.05


def test_an_interval_on_the_margin_is_not_inside_it() -> None:
    inside = replace(NOTHING, equivalence_low=-0.0199, equivalence_high=0.0199)
    assert inside.is_inside_margin
    assert not replace(inside, equivalence_high=0.02).is_inside_margin
    assert not replace(inside, equivalence_low=-0.02).is_inside_margin
    assert not replace(inside, margin=math.nan).is_inside_margin
    # Wholly on one side: the farther end counts.
    assert not replace(inside, equivalence_low=-0.05, equivalence_high=-0.01).is_inside_margin


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"adjusted_p": 0.05}, Decision.RAISES),
        ({"adjusted_p": 0.0501}, Decision.INCONCLUSIVE),
        ({"adjusted_p": 0.0501, "margin": 1.0}, Decision.EQUIVALENT),
        ({"adjusted_p": 0.05, "margin": 1.0}, Decision.RAISES),
        ({"low": math.nan}, Decision.UNIFORM),
        ({"num_seeds": 1}, Decision.CANDIDATE),
        ({"num_seeds": 1, "low": math.nan}, Decision.CANDIDATE),
        ({"num_seeds": 1, "differs": False}, Decision.IDENTICAL),
        ({"differs": False}, Decision.IDENTICAL),
        ({"num_seeds": 0, "differs": False}, Decision.NO_VALUE),
    ],
)
def test_decisions_follow_their_order(changes: dict[str, Any], expected: Decision) -> None:
    assert replace(EFFECT, **changes).decision is expected


def test_an_interval_without_zero_is_mentioned() -> None:
    words = "(its own interval excludes 0, but Holm p = 0.060 across all tests)"
    unsure = replace(EFFECT, adjusted_p=0.06)
    assert words in verdict(unsure)
    assert words in verdict(replace(unsure, difference=-0.11, low=-0.16, high=-0.06))
    for low, high in ((0.0, 0.16), (-0.16, 0.0), (-0.1, 0.1)):
        assert "its own interval" not in verdict(replace(unsure, low=low, high=high))


def test_the_ends_of_a_prediction_are_inside_it() -> None:
    for prediction, place in (((0.2, 0.3), "inside"), ((0.1, 0.2), "inside"), ((0.21, 0.3), "outside")):
        assert f", {place} the baseline" in verdict(replace(SINGLE, prediction=prediction))


def test_a_claim_is_as_precise_as_its_interval() -> None:
    wide = replace(EFFECT, difference=-2.5, low=-3.25, high=-1.75, missing="1 failed", num_seeds=2)
    assert verdict(wide) == (
        "lowers tune rate by 2.5 [1.8, 3.2], Holm p = 0.004, 2 seeds; runs without a value: 1 failed"
    )


LOSS_EFFECT = Evidence(
    "fit/validation_loss",
    "primary",
    num_seeds=3,
    difference=0.48,
    low=0.36,
    high=0.60,
    equivalence_low=0.40,
    equivalence_high=0.56,
    margin=0.02,
    adjusted_p=0.2,
    minimum_detectable=3.0,
    minimum_likely=0.2,
    room=1.5,
    spread=0.05,
    num_agreeing=3,
    gain=-0.48,
    gain_low=-0.60,
    gain_high=-0.36,
)
ONE = Evidence(
    "fit/validation_loss", "primary", 1, difference=0.48, gain=-0.48, num_agreeing=1, typical_spread=0.02
)


@pytest.mark.parametrize(
    ("evidence", "grade", "words"),
    [
        (
            replace(LOSS_EFFECT, adjusted_p=0.004),
            Grade.CLEAR,
            "clearly worse: +0.48 [+0.36, +0.60], 9.6 times the spread between seeds; all 3 seeds agree",
        ),
        (
            LOSS_EFFECT,
            Grade.LIKELY,
            "likely worse: +0.48 [+0.36, +0.60], 9.6 times the spread between seeds; all 3 seeds agree; "
            "not yet confirmed",
        ),
        (
            replace(LOSS_EFFECT, num_agreeing=2, missing="1 diverged"),
            Grade.UNCLEAR,
            "unclear: +0.48 [+0.36, +0.60], 9.6 times the spread between seeds; 2 of 3 seeds agree; "
            "runs without a value: 1 diverged",
        ),
        (
            replace(LOSS_EFFECT, low=-0.1),
            Grade.UNCLEAR,
            "unclear: +0.48 [−0.10, +0.60], 9.6 times the spread between seeds; all 3 seeds agree",
        ),
        (
            replace(LOSS_EFFECT, low=-0.1, standard_size=2.0),
            Grade.LIKELY,
            "likely worse: +0.48 [−0.10, +0.60], 9.6 times the spread between seeds; all 3 seeds agree; "
            "not yet confirmed",
        ),
        (
            replace(LOSS_EFFECT, low=-0.1, standard_size=2.0, num_agreeing=2),
            Grade.UNCLEAR,
            "unclear: +0.48 [−0.10, +0.60], 9.6 times the spread between seeds; 2 of 3 seeds agree",
        ),
        (
            replace(LOSS_EFFECT, low=-0.1, minimum_likely=1.5),
            Grade.UNCLEAR,
            "unclear: +0.48 [−0.10, +0.60], 9.6 times the spread between seeds; all 3 seeds agree",
        ),
        (
            replace(LOSS_EFFECT, low=-0.1, minimum_likely=1.5, num_agreeing=2),
            Grade.UNSEEN,
            "cannot be seen with 3 seeds: +0.48 [−0.10, +0.60], 9.6 times the spread between seeds; only a "
            "change of more than 1.5 would stand out, and the metric has no room for it",
        ),
        (
            replace(NOTHING, num_agreeing=3),
            Grade.SMALL,
            "too small to matter: +0.004, 90 % interval [−0.011, +0.019], within ±0.02; 5 seeds",
        ),
        (
            replace(LOSS_EFFECT, margin=0.6, adjusted_p=0.004),
            Grade.SMALL,
            "clearly worse, but too small to matter: +0.48, 90 % interval [+0.40, +0.56], within ±0.6; "
            "3 seeds",
        ),
        (ONE, Grade.ONE_SEED, "much worse in one seed: +0.48; another seed may differ by about 0.02"),
        (
            replace(ONE, typical_spread=0.3),
            Grade.ONE_SEED,
            "worse in one seed: +0.48; another seed may differ by about 0.3",
        ),
        (
            replace(ONE, typical_spread=0.5),
            Grade.ONE_SEED,
            "about the same in one seed: +0.48; another seed may differ by about 0.5",
        ),
        (
            replace(ONE, typical_spread=math.nan),
            Grade.ONE_SEED,
            "worse in one seed: +0.48; how far another seed may differ is unknown",
        ),
        (replace(ONE, differs=False), Grade.IDENTICAL, "identical with one seed"),
        (
            replace(ONE, differs=False, can_move=False),
            Grade.IMPOSSIBLE,
            "no change possible: the training is the same",
        ),
        (
            replace(LOSS_EFFECT, low=math.nan, high=math.nan, adjusted_p=math.nan),
            Grade.LIKELY,
            "likely worse: +0.48, the same in every seed; all 3 seeds agree; not yet confirmed",
        ),
        (
            replace(LOSS_EFFECT, low=math.nan, high=math.nan, num_seeds=2, num_agreeing=2),
            Grade.UNCLEAR,
            "unclear: +0.48, the same in every seed; both seeds agree",
        ),
        (replace(ONE, num_seeds=0, missing="2 diverged"), Grade.NO_VALUE, "no value to compare: 2 diverged"),
    ],
)
def test_each_answer_in_words(evidence: Evidence, grade: Grade, words: str) -> None:
    assert evidence.grade is grade
    assert answer(evidence) == words


@pytest.mark.parametrize(
    ("metric", "gain", "words"),
    [
        ("validity/sound_rate", (0.48, 0.36, 0.6), "likely better: "),
        ("validity/loop_rate", (-0.48, -0.6, -0.36), "likely worse: "),
        ("structure/lag_repeat", (0.48, 0.36, 0.6), "likely nearer to real tunes: "),
        ("structure/lag_repeat", (-0.48, -0.6, -0.36), "likely farther from real tunes: "),
        ("structure/lag_repeat", (0.1, -0.1, 0.3), "likely higher: "),
        ("structure/lag_repeat", (math.nan,) * 3, "likely higher: "),
        ("data/anything", (math.nan,) * 3, "likely higher: "),
    ],
)
def test_the_direction_is_the_metrics_own(metric: str, gain: tuple[float, ...], words: str) -> None:
    numbers = dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    assert answer(replace(LOSS_EFFECT, metric=metric, **numbers)).startswith(words)


def test_no_verdict_names_an_effect_beyond_the_metrics_range() -> None:
    unsure = replace(EFFECT, adjusted_p=0.9, room=0.7)
    assert "could detect effects of 0.05 or more" in verdict(unsure)
    for impossible in (0.69, 7.4):
        assert verdict(replace(unsure, minimum_detectable=impossible)).endswith(
            "this design could detect no effect that the metric has room for"
        )


def test_a_screened_effect_is_a_candidate_with_its_interval() -> None:
    screened = replace(LOSS_EFFECT, family="screening", adjusted_p=0.004)
    assert verdict(screened) == "a candidate to confirm with fresh seeds: +0.48 [+0.36, +0.60] with 3 seeds"
    assert answer(screened).startswith("screened: likely worse: +0.48 [+0.36, +0.60]")
