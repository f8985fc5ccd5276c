"""The verdict on an effect, as one line of words.

A verdict never denies an effect. At most it says that any effect is smaller than the declared margin. One
seed is not enough for that.
"""

import math
from dataclasses import dataclass

from musicgen.effects.effect import Decision, decide
from musicgen.system.words import brief, counted, decimals, p_words, signed


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is made of. Numbers that do not exist are NaN."""

    metric: str
    is_primary: bool
    num_seeds: int
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    equivalence_low: float = math.nan
    equivalence_high: float = math.nan
    margin: float = math.nan
    adjusted_p: float = math.nan
    """By Holm for a primary metric, else by Benjamini and Hochberg."""
    minimum_detectable: float = math.nan
    differs: bool = True
    """False where every seed has the same value in both."""
    shares_training: bool = False
    sampling_noise: float = math.nan
    prediction: tuple[float, float] | None = None
    """Prediction interval of the baseline for one more seed, where it has enough of them."""
    changed_value: float = math.nan
    missing: str = ""
    """Runs without a value, such as "2 diverged"."""
    tuned_on: str = ""
    """Of a re-tuned arm: which seeds chose which values."""

    @property
    def is_inside_margin(self) -> bool:
        """Whether two one-sided tests at 5 % place the effect inside the margin; False without a margin."""
        return max(-self.equivalence_low, self.equivalence_high) < self.margin

    @property
    def decision(self) -> Decision:
        """What may be concluded."""
        return decide(
            self.num_seeds,
            self.difference,
            self.low,
            self.adjusted_p,
            differs=self.differs,
            is_equivalent=self.is_inside_margin,
        )


def verdict(evidence: Evidence) -> str:
    """The verdict in one line."""
    words = _WORDS[evidence.decision](evidence)
    if not evidence.is_primary:
        words += ", exploratory"
    if evidence.tuned_on:
        words += f"; {evidence.tuned_on}"
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
    return f"{'Holm' if evidence.is_primary else 'FDR'} {p_words(evidence.adjusted_p)}"


def _equivalent(evidence: Evidence) -> str:
    return f"no effect larger than {brief(evidence.margin)}, {_seeds(evidence)}"


def _inconclusive(evidence: Evidence) -> str:
    words = f"inconclusive with {_seeds(evidence)}"
    if evidence.low > 0 or evidence.high < 0:
        words += f" (its own interval excludes 0, but {_adjusted(evidence)} across all tests)"
    return f"{words}; this design could detect effects of {brief(evidence.minimum_detectable)} or more"


def _candidate(evidence: Evidence) -> str:
    words = f"a candidate to confirm with fresh seeds: {signed(evidence.difference)} with one seed"
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


_WORDS = {
    Decision.RAISES: _claim,
    Decision.LOWERS: _claim,
    Decision.EQUIVALENT: _equivalent,
    Decision.INCONCLUSIVE: _inconclusive,
    Decision.CANDIDATE: _candidate,
    Decision.UNIFORM: _uniform,
    Decision.IDENTICAL: _identical,
    Decision.NO_VALUE: _no_value,
}


def metric_words(metric: str) -> str:
    """The metric's name as words, without its family: "tune rate" for validity/tune_rate."""
    return metric.rpartition("/")[2].replace("_", " ")


def _seeds(evidence: Evidence) -> str:
    return counted(evidence.num_seeds, "seed")
