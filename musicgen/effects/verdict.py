"""What to say about an effect: the verdict, which only claims what is shown, and the answer for a reader.

A verdict never denies an effect. At most it says that any effect is smaller than the declared margin. One
seed is not enough for that. The answer gives direction, size and agreement, and how far to trust them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from musicgen.effects.effect import (
    EXPLORATORY,
    PRIMARY,
    SCREENING,
    Decision,
    Grade,
    Sense,
    decide,
    grade_of,
    sense_of,
)
from musicgen.system.words import brief, counted, decimals, p_words, signed, signed_interval

LARGE = 2.0
"""Spreads between seeds from which on an effect is likely, if all seeds agree."""
_MUCH = 3.0
"""Spreads between seeds from which on one seed's difference is called large."""
_NEARLY_ALL = 0.95
"""Share of a metric's room from which on an effect is as good as out of reach."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What verdict and answer are made of. Numbers that do not exist are NaN."""

    metric: str
    family: str
    num_seeds: int
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    equivalence_low: float = math.nan
    equivalence_high: float = math.nan
    margin: float = math.nan
    adjusted_p: float = math.nan
    """By Holm for a primary metric, by Benjamini and Hochberg for an exploratory one."""
    minimum_detectable: float = math.nan
    """The effect that such a study finds with 80 % power, after the adjustment."""
    minimum_likely: float = math.nan
    """The same without the adjustment."""
    room: float = math.nan
    """The largest change that the metric's limits leave."""
    spread: float = math.nan
    """Standard deviation of the seeds' differences."""
    typical_spread: float = math.nan
    """The same from other arms, the baseline's seeds or the sampling of tunes."""
    standard_size: float = math.nan
    """The difference as tested, in spreads between seeds: its own, or that of all changes if larger."""
    num_agreeing: int = 0
    """Seeds whose difference has the sign of the effect."""
    gain: float = math.nan
    gain_low: float = math.nan
    gain_high: float = math.nan
    differs: bool = True
    """False where every seed has the same value in both."""
    shares_training: bool = False
    can_move: bool = True
    """False where the metric depends on the training alone, and that is the same."""
    sampling_noise: float = math.nan
    prediction: tuple[float, float] | None = None
    """Prediction interval of the baseline for one more seed, where it has enough of them."""
    changed_value: float = math.nan
    missing: str = ""
    """Runs without a value, such as "2 diverged"."""
    chosen_by_itself: bool = False
    """Re-tuned on the only seed."""

    @property
    def is_inside_margin(self) -> bool:
        """Whether two one-sided tests at 5 % place the effect inside the margin; False without a margin."""
        return max(-self.equivalence_low, self.equivalence_high) < self.margin

    @property
    def decision(self) -> Decision:
        """What may be concluded."""
        decision = decide(
            self.num_seeds,
            self.difference,
            self.low,
            self.adjusted_p,
            differs=self.differs,
            is_equivalent=self.is_inside_margin,
        )
        is_measured = decision not in (Decision.NO_VALUE, Decision.IDENTICAL)
        return Decision.CANDIDATE if self.family == SCREENING and is_measured else decision

    @property
    def grade(self) -> Grade:
        """How far to trust the effect."""
        return grade_of(
            self.decision,
            self.num_seeds,
            self.num_agreeing,
            (self.low, self.high),
            is_equivalent=self.is_inside_margin,
            can_move=self.can_move,
            is_large=self.standard_size >= LARGE,
            is_visible=not self.minimum_likely >= _NEARLY_ALL * self.room,
        )

    @property
    def sense(self) -> Sense:
        """The direction of the difference, as the metric sees it."""
        return sense_of(self.metric, self.difference, self.gain, self.gain_low, self.gain_high)


def verdict(evidence: Evidence) -> str:
    """The verdict in one line."""
    words = _WORDS[evidence.decision](evidence)
    if evidence.family == EXPLORATORY:
        words += ", exploratory"
    if evidence.chosen_by_itself:
        words += "; re-tuned on the same seed it is judged on"
    if evidence.missing and evidence.num_seeds:
        words += f"; runs without a value: {evidence.missing}"
    return words


def _claim(evidence: Evidence) -> str:
    up = evidence.difference > 0
    ends = (evidence.low, evidence.high) if up else (-evidence.high, -evidence.low)
    places = decimals(evidence.high - evidence.low)
    number, low, high = (f"{value:.{places}f}" for value in (abs(evidence.difference), *ends))
    words = (
        f"{evidence.decision} {metric_words(evidence.metric)} by {number} [{low}, {high}], "
        f"{_adjusted(evidence)}, {_seeds(evidence)}"
    )
    if evidence.is_inside_margin:
        words += f", less than the margin of {brief(evidence.margin)}"
    return words


def _adjusted(evidence: Evidence) -> str:
    return f"{'Holm' if evidence.family == PRIMARY else 'FDR'} {p_words(evidence.adjusted_p)}"


def _equivalent(evidence: Evidence) -> str:
    return f"no effect larger than {brief(evidence.margin)}: {_inner(evidence)}, {_seeds(evidence)}"


def _inner(evidence: Evidence) -> str:
    """The estimate and the interval that decide on equivalence."""
    low, high = evidence.equivalence_low, evidence.equivalence_high
    style = f".{decimals(high - low)}f"
    estimate = signed(evidence.difference, style)
    return f"{estimate}, 90 % interval [{signed(low, style)}, {signed(high, style)}]"


def _inconclusive(evidence: Evidence) -> str:
    words = f"inconclusive with {_seeds(evidence)}"
    if evidence.low > 0 or evidence.high < 0:
        words += f" (its own interval excludes 0, but {_adjusted(evidence)} across all tests)"
    if evidence.minimum_detectable >= _NEARLY_ALL * evidence.room:
        return f"{words}; this design could detect no effect that the metric has room for"
    return f"{words}; this design could detect effects of {brief(evidence.minimum_detectable)} or more"


def _candidate(evidence: Evidence) -> str:
    difference = signed_interval(evidence.difference, evidence.low, evidence.high)
    seeds = "one seed" if evidence.num_seeds == 1 else _seeds(evidence)
    words = f"a candidate to confirm with fresh seeds: {difference} with {seeds}"
    if not math.isnan(evidence.sampling_noise):
        words += f", sampling noise {brief(evidence.sampling_noise)}"
    if evidence.prediction is not None:
        low, high = evidence.prediction
        place = "inside" if low <= evidence.changed_value <= high else "outside"
        words += f", {place} the baseline's prediction interval [{brief(low)}, {brief(high)}]"
    return words


def _uniform(evidence: Evidence) -> str:
    return (
        f"{signed(evidence.difference)} in each of {_seeds(evidence)}, no spread to judge by; "
        "confirm with fresh seeds"
    )


def _identical(evidence: Evidence) -> str:
    seeds = "with one seed" if evidence.num_seeds == 1 else f"in all {_seeds(evidence)}"
    return f"identical {seeds}" + (" (the same training)" if evidence.shares_training else "")


def _no_value(evidence: Evidence) -> str:
    return f"no value to compare: {evidence.missing or 'no seed in common with the baseline'}"


_WORDS: Mapping[Decision, Callable[[Evidence], str]] = {
    Decision.RAISES: _claim,
    Decision.LOWERS: _claim,
    Decision.EQUIVALENT: _equivalent,
    Decision.INCONCLUSIVE: _inconclusive,
    Decision.CANDIDATE: _candidate,
    Decision.UNIFORM: _uniform,
    Decision.IDENTICAL: _identical,
    Decision.NO_VALUE: _no_value,
}


def answer(evidence: Evidence) -> str:
    """Grade, direction, size and agreement in one line of plain words."""
    words = _ANSWERS[evidence.grade](evidence)
    if evidence.family == SCREENING and evidence.decision is Decision.CANDIDATE:
        words = f"screened: {words}"
    if evidence.missing and evidence.num_seeds:
        words += f"; runs without a value: {evidence.missing}"
    return words


def _clearly(evidence: Evidence) -> str:
    return f"clearly {evidence.sense}: {_size(evidence)}; {_agreement(evidence)}"


def _likely(evidence: Evidence) -> str:
    return f"likely {evidence.sense}: {_size(evidence)}; {_agreement(evidence)}; not yet confirmed"


def _unclear(evidence: Evidence) -> str:
    return f"unclear: {_size(evidence)}; {_agreement(evidence)}"


def _small(evidence: Evidence) -> str:
    lead = f"clearly {evidence.sense}, but " if evidence.decision.is_claim else ""
    margin = brief(evidence.margin)
    return f"{lead}too small to matter: {_inner(evidence)}, within ±{margin}; {_seeds(evidence)}"


def _unseen(evidence: Evidence) -> str:
    return (
        f"cannot be seen with {_seeds(evidence)}: {_size(evidence)}; only a change of more than "
        f"{brief(evidence.room)} would stand out, and the metric has no room for it"
    )


def _one_seed(evidence: Evidence) -> str:
    difference, spread = signed(evidence.difference), evidence.typical_spread
    if not spread > 0:
        return f"{evidence.sense} in one seed: {difference}; how far another seed may differ is unknown"
    ratio = abs(evidence.difference) / spread
    lead = f"{'much ' if ratio >= _MUCH else ''}{evidence.sense} in one seed"
    if ratio < 1:
        lead = "about the same in one seed"
    return f"{lead}: {difference}; another seed may differ by about {brief(spread)}"


def _impossible(_: Evidence) -> str:
    return "no change possible: the training is the same"


def _size(evidence: Evidence) -> str:
    """The difference, its interval, and its size next to the spread between seeds."""
    words = signed_interval(evidence.difference, evidence.low, evidence.high)
    if math.isnan(evidence.low):
        return f"{words}, the same in every seed"
    ratio = abs(evidence.difference) / evidence.spread if evidence.spread > 0 else math.inf
    return f"{words}, {brief(ratio)} times the spread between seeds" if math.isfinite(ratio) else words


def _agreement(evidence: Evidence) -> str:
    num_seeds, agreeing = evidence.num_seeds, evidence.num_agreeing
    if agreeing < num_seeds:
        return f"{agreeing} of {num_seeds} seeds agree"
    return "both seeds agree" if num_seeds == 2 else f"all {num_seeds} seeds agree"


_ANSWERS: Mapping[Grade, Callable[[Evidence], str]] = {
    Grade.CLEAR: _clearly,
    Grade.LIKELY: _likely,
    Grade.UNCLEAR: _unclear,
    Grade.SMALL: _small,
    Grade.UNSEEN: _unseen,
    Grade.ONE_SEED: _one_seed,
    Grade.IDENTICAL: _identical,
    Grade.IMPOSSIBLE: _impossible,
    Grade.NO_VALUE: _no_value,
}


def metric_words(metric: str) -> str:
    """The metric's name as words, without its family: "tune rate" for validity/tune_rate."""
    return metric.rpartition("/")[2].replace("_", " ")


def _seeds(evidence: Evidence) -> str:
    return counted(evidence.num_seeds, "seed")
