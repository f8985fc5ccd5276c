"""The space of a search: Hydra's overrides with choices and ranges, as Optuna's distributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import IntervalSweep, Override, Transformer
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from musicgen.config import NOT_SWEPT
from musicgen.errors import InputError
from musicgen.search.trials import Value, overrides_of

if TYPE_CHECKING:
    from optuna import Trial


@dataclass(frozen=True)
class Space:
    """The searched parameters, and the overrides that all trials share."""

    distributions: Mapping[str, BaseDistribution]
    """Parameter or config group -> distribution of its values."""
    fixed: Sequence[str]

    @classmethod
    def of(cls, overrides: Sequence[Override]) -> "Space":
        """Sort the overrides; the last one of a parameter counts. Raises InputError."""
        distributions: dict[str, BaseDistribution] = {}
        fixed: dict[str, str] = {}
        for override in overrides:
            name = override.get_key_element().lstrip("+~")
            distributions.pop(name, None)
            fixed.pop(name, None)
            if override.is_sweep_override():
                _check_name(override, name)
                distributions[name] = _distribution(override)
            elif override.is_delete():
                fixed[name] = str(override.input_line)
            else:
                fixed[name] = f"{override.get_key_element()}={override.get_value_element_as_str()}"
        if not distributions:
            raise InputError("hydra.sweeper.params: a search needs a parameter with several values")
        return cls(distributions, list(fixed.values()))

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
        """Draw the trial's value of each parameter that has none yet."""
        for name, one in self.distributions.items():
            match one:
                case CategoricalDistribution():
                    trial.suggest_categorical(name, one.choices)
                case IntDistribution():
                    trial.suggest_int(name, one.low, one.high, step=one.step, log=one.log)
                case FloatDistribution():
                    trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)


def _check_name(override: Override, name: str) -> None:
    if name == "seed":
        raise InputError(
            f"{override.input_line}: all trials of a search have one seed; hydra.sweeper.confirm_seeds sets "
            "how many fresh seeds the best config is run with"
        )
    if name.split(".")[0].split("/")[0] in NOT_SWEPT:
        raise InputError(
            f"{override.input_line}: {name} cannot be searched: it does not change the results of a run"
        )


def _distribution(override: Override) -> BaseDistribution:
    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None and value.end is not None
            is_log = "log" in value.tags
            if isinstance(value.start, int) and isinstance(value.end, int):
                return IntDistribution(value.start, value.end, log=is_log)
            return FloatDistribution(value.start, value.end, log=is_log)
        levels = [_as_value(level) for level in override.sweep_iterator(transformer=Transformer.encode)]
        numbers = sorted(level for level in levels if isinstance(level, int) and not isinstance(level, bool))
        if override.is_range_sweep() and len(numbers) == len(levels) > 1:
            return IntDistribution(numbers[0], numbers[-1], step=numbers[1] - numbers[0])
        return CategoricalDistribution(levels)
    except ValueError as error:
        raise InputError(f"{override.input_line}: {error}") from error


def _as_value(level: object) -> Value:
    """Hydra encodes lists and mappings as the text of an override."""
    assert isinstance(level, bool | int | float | str)
    return level


def _edges(distribution: BaseDistribution) -> list[Value]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def _all_values(name: str, distribution: BaseDistribution) -> list[Value]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    raise InputError(f"{name}: a grid needs single values, such as choice(1e-3, 3e-3)")
