"""Which searched parameters the loss depends on: functional ANOVA (Hutter et al. 2014) with two checks.

Its random forest must predict held-out trials, else no importance is reported. A parameter counts only if its
share exceeds that of random dummy parameters. Parameters drawn on a logarithmic scale enter as logarithms. A
search samples more often where losses are low, so the shares describe the space as it was searched.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from musicgen.search.trials import Trials

EVALUATOR = "fANOVA"
MIN_R2 = 0.5
MIN_TRIALS = 10
FOLDS, DUMMIES, TREES, DEPTH = 5, 20, 64, 64
"""TREES and DEPTH are Optuna's, so that the tested forest is the one whose shares are reported."""
_DUMMY = "dummy"


@dataclass(frozen=True)
class Importance:
    """Shares of the variance of the loss."""

    measure: str
    """Which loss, in words."""
    num_trials: int
    r2: float | None
    """Cross-validated R² of the forest; None with too few trials."""
    shares: Mapping[str, float]
    """Parameter -> share, the largest first; empty if the forest fails its check."""
    noise: float
    """The largest share that a dummy parameter got."""

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if self.r2 is None:
            return f"importance: unknown from {self.num_trials} trials, at least {MIN_TRIALS} are needed"
        tested = f"out-of-sample R² {self.r2:.2f} over {self.num_trials} trials, {self.measure}"
        if not self.shares:
            return f"importance: unknown, the forest cannot predict held-out trials ({tested})"
        shown = ", ".join(f"{name} {share:.2f}" for name, share in self.shares.items() if share > self.noise)
        return f"importance by {EVALUATOR} above the noise of {self.noise:.2f}: {shown or 'none'} ({tested})"


def importance(trials: Trials) -> Importance:
    """Explain the loss that most trials have."""
    measure, losses = comparable_losses(trials)
    measured = [(trial.levels, losses[trial.number]) for trial in trials.trials if trial.number in losses]
    if len(measured) < MIN_TRIALS:
        return Importance(measure, len(measured), None, {}, 0.0)
    columns = {name: [levels[name] for levels, _ in measured] for name in trials.parameters}
    for name in trials.parameters:
        if trials.is_log(name):
            columns[name] = list(np.log(np.array(columns[name], dtype=float)))
    varied = {name: values for name, values in columns.items() if len(set(map(str, values))) > 1}
    targets = np.array([loss for _, loss in measured])
    r2 = _out_of_sample_r2(list(varied.values()), targets)
    if not r2 >= MIN_R2:
        return Importance(measure, len(measured), r2, {}, 0.0)
    shares, noise = _shares(varied, targets)
    return Importance(measure, len(measured), r2, shares, noise)


def comparable_losses(trials: Trials) -> tuple[str, Mapping[int, float]]:
    """A description of the losses, and the losses by number of the trial, after equally many iterations.

    With rungs these are the losses on the first one, which every trial reaches; else those at the end.
    """
    rungs = [rung for trial in trials.trials for rung in trial.rungs]
    if not rungs:
        return "validation loss", {trial.number: trial.loss for trial in trials.complete if trial.loss}
    first = min(rungs)
    found = {trial.number: trial.rungs[first] for trial in trials.trials if first in trial.rungs}
    return f"validation loss after {first} iterations", found


def _out_of_sample_r2(columns: Sequence[Sequence[object]], targets: np.ndarray) -> float:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_predict

    features = np.concatenate([_encoded(values) for values in columns], axis=1)
    forest = RandomForestRegressor(n_estimators=TREES, max_depth=DEPTH, random_state=0)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    return float(r2_score(targets, cross_val_predict(forest, features, targets, cv=folds)))


def _encoded(values: Sequence[object]) -> np.ndarray:
    """[trials, 1] of numbers, or [trials, choices] of zeros and ones."""
    if _are_numbers(values):
        return np.array(values, dtype=float)[:, None]
    choices = sorted(set(map(str, values)))
    return np.array([[str(value) == choice for choice in choices] for value in values], dtype=float)


def _are_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _shares(columns: Mapping[str, Sequence[object]], targets: np.ndarray) -> tuple[dict[str, float], float]:
    """Mean share of each parameter over several draws of an added dummy, and the largest share of a dummy."""
    from optuna.importance import FanovaImportanceEvaluator

    evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=0)
    found: list[Mapping[str, float]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(DUMMIES):
            chance = np.random.default_rng(seed).uniform(size=len(targets))
            study = _study({**columns, _DUMMY: list(chance)}, targets)
            found.append(evaluator.evaluate(study))
    shares = {name: float(np.mean([one[name] for one in found])) for name in columns}
    ordered = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return ordered, max(one[_DUMMY] for one in found)


def _study(columns: Mapping[str, Sequence], targets: np.ndarray):
    """The trials as an Optuna study in memory."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    numbers = {name: values for name, values in columns.items() if _are_numbers(values)}
    texts = {
        name: [str(value) for value in values] for name, values in columns.items() if name not in numbers
    }
    distributions = {
        **{
            name: FloatDistribution(float(min(values)), float(max(values)))
            for name, values in numbers.items()
        },
        **{name: CategoricalDistribution(sorted(set(values))) for name, values in texts.items()},
    }
    values = {**{name: [float(one) for one in of] for name, of in numbers.items()}, **texts}
    study = optuna.create_study()
    for place, target in enumerate(targets):
        params = {name: of[place] for name, of in values.items()}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=float(target))
        )
    return study
