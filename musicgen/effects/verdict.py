"""One verdict in words for each effect.

A verdict never says that there is no effect, only that there is none larger than what was declared as too
small to matter. With one seed it says neither.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from musicgen.effects.statistics import ALPHA


class Finding(StrEnum):
    """What can be said; exactly one of these."""

    EFFECT = "effect"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"
    CANDIDATE = "candidate"
    """One seed."""
    IDENTICAL = "identical"
    """All seeds give the same value in arm and baseline."""
    UNIFORM = "uniform"
    """All seeds differ, and all by the same amount, which leaves no spread to judge by."""
    NO_VALUE = "no value"


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
    """Interval of the baseline's seeds for one more, where there are enough of them."""
    changed_value: float = math.nan
    missing: str = ""
    """Runs without a value, such as "2 diverged"; "" for none."""
    chosen_by_itself: bool = False
    """Re-tuned by the only seed there is."""

    @property
    def is_inside_margin(self) -> bool:
        """Two one-sided tests at 5 % place the effect inside the margin; False where there is no margin."""
        return max(-self.equivalence_low, self.equivalence_high) < self.margin


def finding(evidence: Evidence) -> Finding:
    """Which of the verdicts it is."""
    if evidence.num_seeds == 0:
        return Finding.NO_VALUE
    if not evidence.differs:
        return Finding.IDENTICAL
    if evidence.num_seeds == 1:
        return Finding.CANDIDATE
    if math.isnan(evidence.low):
        return Finding.UNIFORM
    if evidence.adjusted_p <= ALPHA:
        return Finding.EFFECT
    return Finding.EQUIVALENT if evidence.is_inside_margin else Finding.UNDECIDED


def verdict(evidence: Evidence) -> str:
    """The verdict in one line of words."""
    words = _WORDS[finding(evidence)](evidence)
    if not evidence.is_primary:
        words += ", exploratory"
    if evidence.chosen_by_itself:
        words += "; re-tuned by the seed that it is judged on"
    if evidence.missing and evidence.num_seeds:
        words += f"; without a value: {evidence.missing}"
    return words


def _effect(evidence: Evidence) -> str:
    up = evidence.difference > 0
    ends = (evidence.low, evidence.high) if up else (-evidence.high, -evidence.low)
    places = decimals(evidence.high - evidence.low)
    number, low, high = (f"{value:.{places}f}" for value in (abs(evidence.difference), *ends))
    words = (
        f"{'raises' if up else 'lowers'} {metric_words(evidence.metric)} by {number} [{low}, {high}], "
        f"{_adjusted(evidence)}, {_seeds(evidence)}"
    )
    if evidence.is_inside_margin:
        words += f", less than the margin of {brief(evidence.margin)}"
    return words


def _adjusted(evidence: Evidence) -> str:
    return f"{'Holm' if evidence.is_primary else 'FDR'} {p_words(evidence.adjusted_p)}"


def _equivalent(evidence: Evidence) -> str:
    return f"no effect larger than {brief(evidence.margin)}, {_seeds(evidence)}"


def _undecided(evidence: Evidence) -> str:
    words = f"no detectable effect with {_seeds(evidence)}"
    if evidence.low > 0 or evidence.high < 0:
        words += f" (its own interval leaves out 0, but {_adjusted(evidence)} among all tests)"
    return f"{words}; this design would see ≥ {brief(evidence.minimum_detectable)}"


def _candidate(evidence: Evidence) -> str:
    words = f"a candidate; confirm with fresh seeds: {signed(evidence.difference)} with one seed"
    if not math.isnan(evidence.sampling_noise):
        words += f", sampling noise {brief(evidence.sampling_noise)}"
    if evidence.prediction is not None:
        low, high = evidence.prediction
        place = "inside" if low <= evidence.changed_value <= high else "outside"
        words += f", {place} what the baseline's seeds predict [{brief(low)}, {brief(high)}]"
    return words


def _identical(evidence: Evidence) -> str:
    seeds = "with one seed" if evidence.num_seeds == 1 else f"in all {_seeds(evidence)}"
    return f"identical {seeds}" + (" (the same training)" if evidence.shares_training else "")


def _uniform(evidence: Evidence) -> str:
    return (
        f"{signed(evidence.difference)} in each of {_seeds(evidence)}, no spread to judge by; "
        "confirm with fresh seeds"
    )


def _no_value(evidence: Evidence) -> str:
    return f"no value to compare: {evidence.missing or 'no seed in common with the baseline'}"


_WORDS = {
    Finding.EFFECT: _effect,
    Finding.EQUIVALENT: _equivalent,
    Finding.UNDECIDED: _undecided,
    Finding.CANDIDATE: _candidate,
    Finding.IDENTICAL: _identical,
    Finding.UNIFORM: _uniform,
    Finding.NO_VALUE: _no_value,
}


def metric_words(metric: str) -> str:
    """The metric's name without its family, as words."""
    return metric.rpartition("/")[2].replace("_", " ")


def decimals(width: float) -> int:
    """Places after the point with which the ends of an interval of this width can be told apart."""
    # An interval from 0.06 to 0.16 needs two, one from 0.06 to 0.09 three.
    return max(0, min(8, math.ceil(-math.log10(width / 10) - 1e-9))) if width > 0 else 3


def p_words(p_value: float) -> str:
    """Such as "p = 0.004"; "p < 0.001" below that."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def brief(number: float) -> str:
    """Two digits that count, never with an exponent."""
    if not math.isfinite(number):
        return f"{number:g}"
    places = max(0, 1 - int(f"{number:.1e}".partition("e")[2]))
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def signed(number: float) -> str:
    """The same with its sign, a real minus; plain 0 for none."""
    if number == 0:
        return "0"
    return ("+" if number > 0 else "−") + brief(abs(number))


def _seeds(evidence: Evidence) -> str:
    return f"{evidence.num_seeds} seed{'s' if evidence.num_seeds > 1 else ''}"
