"""Simulated studies: the noise of measured seeds, draws from it, coverage, and tables of the results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas

from musicgen.effects.statistics import Floats, PairedEffect

MEASURED = Path(__file__).parent / "measured_seeds.csv"
LOSS, RATE = "fit/validation_loss", "validity/tune_rate"
SMOOTHING = 0.5
"""Standard deviation of the smoothed bootstrap's kernel, in standard deviations of the measured values."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of the measured seeds: a part shared by arm and baseline, and an independent part."""

    loss_shared: Floats
    """Deviations of the seeds' pairs from their mean, shape (seeds,)."""
    loss_own: Floats
    """Deviations of a run from its pair, scaled to one run's variance, shape (2 · seeds,)."""
    rate_logit: float
    rate_shared: float
    """Standard deviation of the probability's logit, without binomial noise; likewise rate_own."""
    rate_own: float
    num_tunes: int

    @classmethod
    def measured(cls, table: pandas.DataFrame) -> "Noise":
        """Estimate the noise from a table with columns arm (two values), seed, num_tunes and both metrics."""
        losses, rates = (
            table.pivot(index="seed", columns="arm", values=name).dropna() for name in (LOSS, RATE)
        )
        loss, rate = losses.to_numpy(), rates.to_numpy()
        num_tunes = int(table["num_tunes"].iloc[0])
        logits = np.log((rate * num_tunes + 0.5) / ((1 - rate) * num_tunes + 0.5))
        level = float(rate.mean())
        binomial = 1 / (num_tunes * level * (1 - level))
        own = max(0.0, float(np.var(logits[:, 1] - logits[:, 0], ddof=1)) / 2 - binomial)
        shared = max(0.0, float(np.var(logits.mean(axis=1), ddof=1)) - (own + binomial) / 2)
        apart = loss[:, 1] - loss[:, 0]
        halves = (apart - apart.mean()) / np.sqrt(2 - 2 / len(apart))
        return cls(
            loss.mean(axis=1) - loss.mean(),
            np.concatenate([halves, -halves]),
            float(np.log(level / (1 - level))),
            shared**0.5,
            own**0.5,
            num_tunes,
        )

    @property
    def loss_difference(self) -> float:
        """Standard deviation of an arm's loss less its baseline's."""
        return float(np.sqrt(2) * self.loss_own.std())

    def rate_difference(self, shift: float) -> float:
        """The same for the logits of rates, if the arm's probability is shifted by `shift` logits."""
        rates = expit(np.array([self.rate_logit, self.rate_logit + shift]))
        return float(np.sqrt(2 * self.rate_own**2 + np.sum(1 / (self.num_tunes * rates * (1 - rates)))))


def draw_losses(noise: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Losses of shape (..., seeds, studies). What the runs of a seed share is drawn once for all of them."""
    shared = _smoothed(noise.loss_shared, shape[-2:], rng)
    return 1.75 + shared + _smoothed(noise.loss_own, shape, rng)


def draw_logits(noise: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """The same for the logits of a rate's probability."""
    logits = noise.rate_logit + noise.rate_shared * rng.standard_normal(shape[-2:])
    return logits + noise.rate_own * rng.standard_normal(shape)


def _smoothed(measured: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw from the measured deviations, smoothed by a normal kernel, with their variance."""
    kernel = SMOOTHING * measured.std() * rng.standard_normal(shape)
    return np.sqrt(1 - SMOOTHING**2) * rng.choice(measured, shape) + kernel


def expit(logits: Floats) -> Floats:
    """A logit as a probability."""
    return 1 / (1 + np.exp(-logits))


def coverage(effect: PairedEffect, truth: Floats | float) -> float:
    """Share of the existing intervals that contain the truth."""
    exists = ~np.isnan(effect.low)
    return float(np.mean(((effect.low <= truth) & (truth <= effect.high))[exists]))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table with a dash for NaN."""
    lines = [headings, ["---"] * len(headings)]
    lines += [["–" if cell == "nan" else cell for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
