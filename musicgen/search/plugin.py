"""What searches use of the package hydra-optuna-sweeper: its typed settings, and its reading of overrides.

Its modules are private. No other module here imports them; tests/search/test_plugin.py names what is used.
"""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf, TPESamplerConfig
from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper
from omegaconf import MISSING

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SAMPLERS = ("optuna.samplers.*", "hydra_plugins.hydra_optuna_sweeper.*")
"""What `_target_` in the settings of a sampler may name."""


@dataclass
class SearchSettings(OptunaSweeperConf):
    """The package's settings and ours; conf/hydra/sweeper/optuna.yaml has the values."""

    _target_: str = "musicgen.search.sweeper.SearchSweeper"
    _convert_: str = "all"
    defaults: list[Any] = field(default_factory=lambda: ["_self_"])
    params: Any = None
    default_params: Any = None
    objective: Any = None
    directory: str = MISSING
    pruning: Any = None
    confirm_seeds: int = 0


@dataclass
class TPESettings(TPESamplerConfig):
    """With the defaults of Optuna 5, which suit parallel trials; the package still has those of Optuna 4."""

    multivariate: bool = True
    constant_liar: bool = True


class HydrasSweeper(OptunaSweeper):
    """Hydra's own, which a config may name. Its objective is what each run returns."""

    def __init__(self, direction: Any, params: Any, **settings: Any) -> None:
        """The values of conf/hydra/sweeper/optuna.yaml; it has none of our settings."""
        known = {one.name for one in fields(OptunaSweeperConf)}
        theirs = {name: value for name, value in settings.items() if name in known}
        super().__init__(
            direction=direction or "minimize", params=None if isinstance(params, str) else params, **theirs
        )


def register_hydras_sweeper() -> None:
    """Let Hydra build HydrasSweeper where a config names its own."""
    Plugins.instance().class_name_to_class[f"{OptunaSweeper.__module__}.{OptunaSweeper.__name__}"] = (
        HydrasSweeper
    )


def register_settings() -> None:
    """Make them known to Hydra, as the types of conf/hydra/sweeper/optuna.yaml and its samplers."""
    store = ConfigStore.instance()
    store.store(group="hydra/schema", name="search", node=SearchSettings, replace=True)
    store.store(group="hydra/sweeper/sampler", name="tpe", node=TPESettings, replace=True)


def distribution_of(override: Override) -> "BaseDistribution":
    """The distribution of a sweep override; raises ValueError or NotImplementedError."""
    from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override

    return create_optuna_distribution_from_override(override)


def grid_values(distribution: "BaseDistribution") -> list[Any]:
    """All values of a discrete distribution; raises ValueError for a continuous one."""
    from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl

    return list(OptunaSweeperImpl._to_grid_sampler_choices(distribution))
