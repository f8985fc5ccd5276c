"""How many effects does a study in two stages find, and how often is one of its claims false?

    python -m benchmarks.two_stages                      simulate, and write benchmarks/two_stages.md

The first stage has a baseline and 27 changes with 3 seeds, the second some of them and the baseline with
fresh seeds, as with study.stages. There are two primary metrics, a loss and a rate, with the noise of
benchmarks/calibration.py. Planted effects alternate between the metrics; 1 SD is the standard deviation of an
arm's difference from its baseline, from seed to seed. The choice, the tests and Holm are the program's.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
from numpy.typing import NDArray

from benchmarks.calibration import MEASURED, Noise, table
from musicgen.effects.screening import priority, sizes
from musicgen.effects.shares import Floats, empirical_logit
from musicgen.effects.statistics import ALPHA, holm, paired_effect

REPORT = Path(__file__).parent / "two_stages.md"
NUM_CHANGES, NUM_METRICS = 27, 2
SCREENING_SEEDS = 3
NUM_STUDIES = 20_000
_AT_ONCE = 1000
"""Studies in memory at the same time."""


@dataclass(frozen=True, slots=True)
class Values:
    """Simulated runs, the baseline first: arrays of shape (1 + changes, seeds, studies)."""

    loss: Floats
    rate: Floats
    num_tunes: int

    @property
    def differences(self) -> list[Floats]:
        """For each metric, changed less baseline on the scale of its test: (changes, seeds, studies)."""
        scaled = (self.loss, empirical_logit(self.rate, np.full_like(self.rate, self.num_tunes)))
        return [one[1:] - one[0] for one in scaled]

    @property
    def p_values(self) -> Floats:
        """Unadjusted, shape (metrics, changes, studies)."""
        counts = np.full_like(self.rate[1:], self.num_tunes).swapaxes(0, 1)
        loss, rate = (
            (np.broadcast_to(one[:1], one[1:].shape).swapaxes(0, 1), one[1:].swapaxes(0, 1))
            for one in (self.loss, self.rate)
        )
        return np.array([paired_effect(*loss).p_value, paired_effect(*rate, counts, counts).p_value])


def simulate(
    noise: Noise, num_seeds: int, num_studies: int, shifts: Floats, rng: np.random.Generator
) -> Values:
    """Draw runs; shifts: of each metric (nats, logits) and change, shape (metrics, changes)."""
    shape = (1 + NUM_CHANGES, num_seeds, num_studies)
    loss = rng.standard_normal(shape) * noise.loss_own.std()
    # What a seed does to every arm alike cancels in differences of losses, but not in those of shares.
    logits = noise.rate_logit + noise.rate_shared * rng.standard_normal(shape[1:])
    logits = logits + noise.rate_own * rng.standard_normal(shape)
    loss[1:] += shifts[0][:, None, None]
    logits[1:] += shifts[1][:, None, None]
    rates = rng.binomial(noise.num_tunes, 1 / (1 + np.exp(-logits))) / noise.num_tunes
    return Values(loss, rates, noise.num_tunes)


def planted(noise: Noise, num_effects: int, size: float) -> Floats:
    """Shifts of that many changes by `size` standard deviations, in one metric each; for `simulate`."""
    shifts = np.zeros((NUM_METRICS, NUM_CHANGES))
    shift = 0.0
    for _ in range(50):
        # The spread of the logits depends on where the shift leads.
        shift = size * noise.rate_difference(shift)
    for change in range(num_effects):
        shifts[change % 2, change] = (-size * noise.loss_difference, shift)[change % 2]
    return shifts


Ranking = Callable[[Sequence[Floats]], Floats]
"""From the differences in loss and rate to what orders the changes, highest first, (changes, studies)."""


def improvements_first(differences: Sequence[Floats]) -> Floats:
    """The program's order."""
    loss, rate = (sizes(list(one)) for one in differences)
    # A metric without any spread does not rank a change.
    return priority(np.fmax(abs(loss), abs(rate)), np.fmax(-loss, rate))


def by_size(differences: Sequence[Floats]) -> Floats:
    """The order by size alone."""
    return np.fmax.reduce([abs(sizes(list(one))) for one in differences])


def by_own_noise(differences: Sequence[Floats]) -> Floats:
    """The order by each change's own t."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.fmax.reduce([abs(one.mean(axis=1)) / one.std(axis=1, ddof=1) for one in differences])


def claims_of_two_stages(
    first: Values, second: Values, num_confirmed: int, ranking: Ranking
) -> NDArray[np.bool_]:
    """Which effects the second stage claims, shape (metrics, changes, studies)."""
    chosen = np.argsort(-ranking(first.differences), axis=0, kind="stable")[:num_confirmed]
    p_values = np.take_along_axis(second.p_values, chosen[None], axis=1)
    adjusted = holm(p_values.reshape(-1, p_values.shape[-1])).reshape(p_values.shape)
    claims = np.zeros((NUM_METRICS, NUM_CHANGES, p_values.shape[-1]), bool)
    np.put_along_axis(claims, np.broadcast_to(chosen[None], p_values.shape), adjusted <= ALPHA, axis=1)
    return claims


def claims_of_one_study(study: Values) -> NDArray[np.bool_]:
    """The same for a study that tests all changes on the seeds that it has."""
    p_values = study.p_values
    return holm(p_values.reshape(-1, p_values.shape[-1])).reshape(p_values.shape) <= ALPHA


@dataclass(frozen=True, slots=True)
class Design:
    """A way to spend runs on 27 changes."""

    name: str
    num_seeds: int
    """Of the only stage, or of the second."""
    num_confirmed: int | None = None
    """None: one stage."""
    ranking: Ranking = improvements_first

    @property
    def num_runs(self) -> int:
        """Runs of all stages, with their baselines."""
        if self.num_confirmed is None:
            return (1 + NUM_CHANGES) * self.num_seeds
        return (1 + NUM_CHANGES) * SCREENING_SEEDS + (1 + self.num_confirmed) * self.num_seeds

    def claims(
        self, noise: Noise, num_studies: int, shifts: Floats, rng: np.random.Generator
    ) -> Iterator[NDArray[np.bool_]]:
        """What simulated studies of this design claim, some studies at a time."""
        for start in range(0, num_studies, _AT_ONCE):
            number = min(_AT_ONCE, num_studies - start)
            study = simulate(noise, self.num_seeds, number, shifts, rng)
            if self.num_confirmed is None:
                yield claims_of_one_study(study)
            else:
                first = simulate(noise, SCREENING_SEEDS, number, shifts, rng)
                yield claims_of_two_stages(first, study, self.num_confirmed, self.ranking)


DESIGNS = (
    Design("one stage, 3 seeds", 3),
    Design("one stage, 5 seeds", 5),
    Design("**two stages, 5 changes with 8 seeds**", 8, 5),
    Design("two stages, 5 changes with 5 seeds", 5, 5),
    Design("two stages, 3 changes with 8 seeds", 8, 3),
    Design("two stages, 8 changes with 8 seeds", 8, 8),
    Design("two stages, 5 changes with 8 seeds, ranked by size alone", 8, 5, by_size),
    Design("two stages, 5 changes with 8 seeds, ranked by their own noise", 8, 5, by_own_noise),
)
PLANTED = ((1, 2.0), (3, 2.0), (5, 2.0), (3, 1.5), (3, 3.0), (3, -2.0))
"""Number of effects, and their size in standard deviations; harms have a negative one."""


def judge(design: Design, noise: Noise, num_studies: int, rng: np.random.Generator) -> list[str]:
    """A row of the table: runs, false claims without effects, and the share found of each plan in PLANTED."""
    nothing = np.zeros((NUM_METRICS, NUM_CHANGES))
    false = [one.any(axis=(0, 1)).mean() for one in design.claims(noise, num_studies, nothing, rng)]
    cells = [design.name, str(design.num_runs), f"{np.mean(false):.3f}"]
    for num_effects, size in PLANTED:
        shifts = planted(noise, num_effects, size)
        found = [one[shifts != 0].mean() for one in design.claims(noise, num_studies, shifts, rng)]
        cells.append(f"{np.mean(found):.2f}")
    return cells


def main() -> None:
    """Simulate and write the report."""
    parser = argparse.ArgumentParser(description="Simulate studies in two stages.")
    parser.add_argument("--studies", type=int, default=NUM_STUDIES)
    arguments = parser.parse_args()
    noise, rng = Noise.measured(pandas.read_csv(MEASURED)), np.random.default_rng(0)
    started = time.perf_counter()
    headings = ["design", "runs", "studies with a false claim"]
    headings += [f"found of {number} × {size:g} SD" for number, size in PLANTED]
    rows = [judge(design, noise, arguments.studies, rng) for design in DESIGNS]
    text = f"""# Studies in two stages

Written by `python -m benchmarks.two_stages`. [docs/statistics.md](../docs/statistics.md) has the method.
{arguments.studies:,} simulated studies for each cell: a baseline and {NUM_CHANGES} changes with two primary
metrics. The noise is that of [calibration.md](calibration.md), drawn as normal; 1 SD is the standard
deviation of a change's difference from the baseline, from seed to seed. Without effects, at most 0.05 of the
studies should claim one. The other columns plant effects, in one metric each, and give the share claimed.

{table(headings, rows)}"""
    REPORT.write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
