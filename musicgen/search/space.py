"""The space of a search: Hydra's overrides with choices and ranges, as Optuna's distributions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from musicgen.config import NOT_SWEPT
from musicgen.errors import InputError
from musicgen.search.plugin import distribution_of, grid_values
from musicgen.search.trials import Value, overrides_of
from musicgen.sweep.design import single_override
from musicgen.system.extensions import how_to_trust, is_trusted, trusted_modules

if TYPE_CHECKING:
    from optuna import Trial

CUSTOM = "hydra.sweeper.custom_search_space"


@dataclass(frozen=True)
class Space:
    """The searched parameters, and the overrides that all trials share."""

    distributions: Mapping[str, BaseDistribution]
    """Parameter or config group -> distribution of its values."""
    fixed: Sequence[str]
    extend: Callable[["Trial"], object] | None = None
    """Draws more parameters, which may depend on those that the trial has."""

    @classmethod
    def of(cls, overrides: Sequence[Override], extend: Callable[["Trial"], object] | None = None) -> "Space":
        """Sort the overrides; the last one of a parameter counts. Raises InputError."""
        distributions: dict[str, BaseDistribution] = {}
        fixed: dict[str, str] = {}
        for override in overrides:
            name = override.get_key_element().lstrip("+~")
            distributions.pop(name, None)
            fixed.pop(name, None)
            if override.is_sweep_override():
                _check_name(name, str(override.input_line))
                distributions[name] = _distribution(override)
            else:
                fixed[name] = single_override(override)
        if not distributions and extend is None:
            raise InputError("hydra.sweeper.params: a search needs a parameter with several values")
        return cls(distributions, list(fixed.values()), extend)

    def edges(self) -> list[list[str]]:
        """For each parameter, the overrides with the ends of its range or with every choice."""
        return [
            [override for value in _edges(one) for override in overrides_of({name: value})]
            for name, one in self.distributions.items()
        ]

    def grid(self) -> dict[str, list[Value]]:
        """Every value of every parameter; raises InputError for a continuous range."""
        return {name: _all_values(name, one) for name, one in self.distributions.items()}

    def suggest(self, trial: "Trial") -> None:
        """Draw the trial's value of each parameter that has none yet; raises InputError."""
        for name, one in self.distributions.items():
            match one:
                case CategoricalDistribution():
                    trial.suggest_categorical(name, one.choices)
                case IntDistribution():
                    trial.suggest_int(name, one.low, one.high, step=one.step, log=one.log)
                case FloatDistribution():
                    trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)
        if self.extend is not None:
            self._extend(trial, self.extend)

    def _extend(self, trial: "Trial", extend: Callable[["Trial"], object]) -> None:
        try:
            extend(trial)
        except Exception as error:
            # It is the user's code, which may raise anything.
            reason = " ".join(str(error).split())
            raise InputError(f"{CUSTOM}: {type(error).__name__}: {reason}") from error
        fixed = {text.lstrip("+~").partition("=")[0]: text for text in self.fixed}
        for drawn in trial.params.keys() - self.distributions.keys():
            name = drawn.lstrip("+")
            _check_name(name, f"{CUSTOM}: {drawn}")
            if name in fixed:
                raise InputError(f"{CUSTOM}: draws {drawn}, which {fixed[name]} fixes")


def load_extension(path: str, config: DictConfig) -> "Callable[[Trial], object]":
    """Import a function(config, trial) of a trusted module; raises InputError."""
    if not is_trusted(module := path.rpartition(".")[0]):
        raise InputError(f"{CUSTOM}={path}: {how_to_trust(module)}")
    target = {"_target_": path, "_partial_": True}
    try:
        extend = instantiate(target, _execution_whitelist_=[f"{name}.*" for name in trusted_modules()])
    except HydraException as error:
        raise InputError(f"{CUSTOM}={path}: {' '.join(str(error.__cause__ or error).split())}") from error
    return partial(extend, config)


def without_chosen(defaults: Sequence[Override], given: Sequence[Override]) -> list[Override]:
    """The defaults, except those that the choice of a group decides, as model=lstm decides model.cell."""
    chosen = [(f"{one.get_key_element()}.", _single_values(one)) for one in given]
    return [
        one
        for one in defaults
        if not any(
            one.get_key_element().startswith(group) and values & _single_values(one)
            for group, values in chosen
        )
    ]


def _single_values(override: Override) -> set[str]:
    """Those that an override gives or chooses from, as texts."""
    if override.is_choice_sweep():
        return set(map(str, override.sweep_iterator()))
    return set() if override.is_sweep_override() else {override.get_value_element_as_str()}


def _check_name(name: str, shown: str) -> None:
    if name == "seed":
        raise InputError(
            f"{shown}: all trials of a search have one seed; hydra.sweeper.confirm_seeds sets "
            "how many fresh seeds the best config is run with"
        )
    if name.split(".")[0].split("/")[0] in NOT_SWEPT:
        raise InputError(f"{shown}: {name} cannot be searched: it does not change the results of a run")


def _distribution(override: Override) -> BaseDistribution:
    try:
        return distribution_of(override)
    except (ValueError, AssertionError, NotImplementedError, HydraException) as error:
        raise InputError(f"{override.input_line}: {str(error) or 'cannot be searched'}") from error


def _edges(distribution: BaseDistribution) -> list[Value]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def _all_values(name: str, distribution: BaseDistribution) -> list[Any]:
    try:
        return grid_values(distribution)
    except ValueError as error:
        raise InputError(f"{name}: a grid needs single values, such as choice(1e-3, 3e-3)") from error
