"""Which searched parameters an objective depends on: functional ANOVA (Hutter et al. 2014) with two checks.

Its random forest must predict held-out trials, else no importance is reported. A parameter counts only if its
share exceeds that of random dummy parameters. Parameters drawn on a logarithmic scale enter as logarithms. A
search samples more often where values are good, so the shares describe the space as it was searched.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from musicgen.metrics.registry import metric_words
from musicgen.search.objective import LOSS
from musicgen.search.trials import Trial, Trials

EVALUATOR = "fANOVA"
MIN_R2 = 0.5
MIN_TRIALS = 10
FOLDS, DUMMIES, TREES, DEPTH = 5, 20, 64, 64
"""TREES and DEPTH are Optuna's, so that the tested forest is the one whose shares are reported."""
_DUMMY = "dummy"


@dataclass(frozen=True)
class Importance:
    """Shares of the variance of an objective."""

    measure: str
    """The objective in words."""
    num_trials: int
    r2: float | None
    """Cross-validated R² of the forest; None if there is too little to fit one."""
    shares: Mapping[str, float]
    """Parameter -> share, the largest first; empty if the forest fails its check."""
    noise: float
    """The largest share that a dummy parameter got."""
    problem: str = ""
    """Why no forest was fitted: the end of the sentence."""

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if self.r2 is None:
            return f"importance: unknown{self.problem}"
        tested = f"out-of-sample R² {self.r2:.2f} over {self.num_trials} trials, {self.measure}"
        if not self.shares:
            return f"importance: unknown, the forest cannot predict held-out trials ({tested})"
        shown = ", ".join(f"{name} {share:.2f}" for name, share in self.shares.items() if share > self.noise)
        return f"importance by {EVALUATOR} above the noise of {self.noise:.2f}: {shown or 'none'} ({tested})"


def importances(trials: Trials) -> list[Importance]:
    """Explain each objective, in their order."""
    return [_importance(trials, measured) for measured in comparable_values(trials)]


def _importance(trials: Trials, measured: "Measured") -> Importance:
    rows = [(trial.levels, measured.values[trial.number]) for trial in measured.of(trials)]
    unknown = partial(Importance, measured.words, len(rows), shares={}, noise=0.0)
    if len(rows) < MIN_TRIALS:
        return unknown(r2=None, problem=f" from {len(rows)} trials, at least {MIN_TRIALS} are needed")
    # A parameter that only some trials have, because of another one, is left out.
    shared = [name for name in trials.parameters if all(name in levels for levels, _ in rows)]
    columns = {name: [levels[name] for levels, _ in rows] for name in shared}
    for name in shared:
        if trials.is_log(name):
            columns[name] = list(np.log(np.array(columns[name], dtype=float)))
    varied = {name: values for name, values in columns.items() if len(set(map(str, values))) > 1}
    targets = np.array([value for _, value in rows])
    if np.ptp(targets) == 0:
        return unknown(r2=None, problem=f", {measured.words} is the same in all {len(rows)} trials")
    if not varied:
        return unknown(r2=None, problem=f", no parameter that all {len(rows)} trials share varies")
    r2 = _out_of_sample_r2(list(varied.values()), targets)
    if not r2 >= MIN_R2:
        return unknown(r2=r2)
    shares, noise = _shares(varied, targets)
    return Importance(measured.words, len(rows), r2, shares, noise)


@dataclass(frozen=True)
class Measured:
    """An objective as far as trials can be compared on it: after equally many iterations."""

    metric: str
    words: str
    values: Mapping[int, float]
    """By number of the trial."""

    def of(self, trials: Trials) -> list[Trial]:
        """The trials that have a value."""
        return [trial for trial in trials.trials if trial.number in self.values]


def comparable_values(trials: Trials) -> list[Measured]:
    """Each objective, in their order.

    With rungs these are the losses on the first one, which every trial reaches; else the values at the end.
    """
    rungs = [rung for trial in trials.trials for rung in trial.rungs]
    if rungs:
        first = min(rungs)
        values = {trial.number: trial.rungs[first] for trial in trials.trials if first in trial.rungs}
        return [Measured(LOSS, f"{metric_words(LOSS)} after {first} iterations", values)]
    ended = [(trial.number, trial.values) for trial in trials.trials if trial.values is not None]
    return [
        Measured(
            objective.metric,
            metric_words(objective.metric),
            {number: values[place] for number, values in ended},
        )
        for place, objective in enumerate(trials.objectives)
    ]


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
