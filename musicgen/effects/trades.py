"""What a change gains and what it costs over several metrics, since no recommendation may rest on one."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from musicgen.effects.answers import Answer, Outcome, answer_on
from musicgen.effects.effect import Effect
from musicgen.metrics.registry import HEADLINE, metric_words
from musicgen.records.runs import FoundRun
from musicgen.system.words import counted, listed

LOOPS, ENDS = "validity/loop_rate", "validity/ended_rate"
_MOST = 0.5
"""Share of tunes that loop, or do not end, above which nothing is recommended."""
_WORSE = (Outcome.WORSE, Outcome.LIKELY_WORSE)
_OUTCOMES = (Outcome.BETTER, Outcome.LIKELY_BETTER, Outcome.WORSE, Outcome.LIKELY_WORSE)


@dataclass(frozen=True, slots=True)
class Trade:
    """What one change does to the metrics that matter."""

    change: str
    answers: tuple[Answer, ...]
    """On the primary and headline metrics that the change can move."""
    real: Mapping[str, float]
    """Metric -> mean over held-out tunes, where known."""

    def of(self, outcomes: Iterable[Outcome]) -> list[Answer]:
        """The answers with one of these outcomes."""
        return [answer for outcome in outcomes for answer in self.answers if answer.outcome is outcome]

    @property
    def is_known(self) -> bool:
        """Whether anything gets better or worse, as far as the seeds tell."""
        return bool(self.of(_OUTCOMES))

    @property
    def size(self) -> float:
        """The largest effect that gets better or worse, in margins."""
        return max((_in_margins(answer.effect) for answer in self.of(_OUTCOMES)), default=0.0)

    @property
    def unsafe(self) -> list[Answer]:
        """What is wrong with how the tunes end, however sure that is, beyond what is known to get worse."""
        worse = self.of(_WORSE)
        return [answer for answer in self.answers if answer not in worse and _is_unsafe(answer.effect)]

    @property
    def costs(self) -> list[str]:
        """Why the change cannot be recommended: what gets worse, and tunes that loop or never end."""
        worse = [f"worse {self.words_on(answer)}" for answer in self.of(_WORSE)]
        return [*worse, *map(self.words_on, self.unsafe)]

    @property
    def sentence(self) -> str:
        """What gets better and what worse, each value next to the baseline's and that of real tunes."""
        found = {str(outcome): self.of([outcome]) for outcome in _OUTCOMES} | {"but note": self.unsafe}
        parts = [f"{words}: {', '.join(map(self.words_on, some))}" for words, some in found.items() if some]
        return f"{self.change}: {'; '.join(parts)}."

    def words_on(self, answer: Answer) -> str:
        """Such as "loop rate 0.35 → 0.02 (real 0.00)"."""
        effect = answer.effect
        values = f"{_value(effect.baseline_mean)} → {_value(effect.mean)}"
        real = self.real.get(effect.metric)
        return f"{metric_words(effect.metric)} {values}" + (
            f" (real {_value(real)})" if real is not None else ""
        )


def _in_margins(effect: Effect) -> float:
    return effect.size / effect.margin if effect.margin > 0 else effect.size


def _is_unsafe(effect: Effect) -> bool:
    """Whether the tunes loop more or end less, by more than matters, however sure that is; or most do."""
    if effect.metric not in (LOOPS, ENDS) or math.isnan(effect.difference):
        return False
    loss = effect.difference if effect.metric == LOOPS else -effect.difference
    share = effect.mean if effect.metric == LOOPS else 1 - effect.mean
    return loss > (0.0 if math.isnan(effect.margin) else effect.margin) or share > _MOST


def _value(value: float) -> str:
    """Two decimals, or three for what two would show as the same as zero."""
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


def trades(effects: Sequence[Effect], metrics: Iterable[str], runs: Iterable[FoundRun]) -> list[Trade]:
    """The trade of every change over these metrics, the largest effect first. runs: to know real tunes."""
    names = list(dict.fromkeys(metrics))
    real = real_values(names, runs)
    changes: dict[tuple[str, str, str], list[Answer]] = {}
    for effect in effects:
        if effect.metric in names and effect.is_possible:
            place = effect.parameter, effect.level, effect.tuning
            changes.setdefault(place, []).append(answer_on(effect))
    found = [
        Trade(answers[0].change, tuple(sorted(answers, key=lambda one: names.index(one.effect.metric))), real)
        for answers in changes.values()
    ]
    return sorted(found, key=lambda trade: -trade.size)


def real_values(metrics: Iterable[str], runs: Iterable[FoundRun]) -> dict[str, float]:
    """Metric -> its mean over held-out tunes, from the first run that knows it."""
    real: dict[str, float] = {}
    for run in runs:
        for metric in metrics:
            reference = run.record.reference.get(metric)
            if reference is not None:
                real.setdefault(metric, reference["mean"])
    return real


def headline_trades(
    effects: Sequence[Effect], primary_metrics: Sequence[str], runs: Iterable[FoundRun]
) -> list[Trade]:
    """The trades over the study's primary metrics and the headline metrics."""
    return trades(effects, (*primary_metrics, *HEADLINE), runs)


def trade_sentences(found: Sequence[Trade]) -> list[str]:
    """A line for each change that gets something better or worse, and one on the others."""
    lines = [trade.sentence for trade in found if trade.is_known]
    unknown = [trade.change for trade in found if not trade.is_known]
    if unknown and lines:
        lines.append(f"No headline metric gets likely better or worse with {listed(unknown)}.")
    elif unknown:
        lines.append(
            f"No headline metric gets likely better or worse with any of {counted(len(unknown), 'change')}."
        )
    return lines
