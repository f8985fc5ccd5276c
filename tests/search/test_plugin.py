"""What this package uses of hydra-optuna-sweeper's private modules."""

import ast
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.hydra_optuna_sweeper import _impl, config, optuna_sweeper
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from musicgen.search import plugin

MUSICGEN = Path(plugin.__file__).parent.parent


def test_what_is_used_of_the_package_is_there() -> None:
    (override,) = OverridesParser.create().parse_overrides(["a=range(0.1,0.5,0.1)"])
    assert _impl.create_optuna_distribution_from_override(override) == FloatDistribution(0.1, 0.4, step=0.1)
    assert _impl.OptunaSweeperImpl._to_grid_sampler_choices(IntDistribution(1, 5, step=2)) == [1, 3, 5]
    names = {field.name for field in fields(config.OptunaSweeperConf)}
    assert names == {
        *("_target_", "defaults", "sampler", "direction", "storage", "study_name", "n_trials", "n_jobs"),
        *("max_failure_rate", "params", "custom_search_space"),
    }
    assert {field.name for field in fields(config.TPESamplerConfig)} >= {"multivariate", "constant_liar"}
    assert optuna_sweeper.OptunaSweeper.__name__ == "OptunaSweeper", version("hydra-optuna-sweeper")


def test_one_module_imports_the_package() -> None:
    importing = [
        path.name
        for path in MUSICGEN.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom | ast.Import) and "hydra_plugins" in ast.unparse(node)
    ]
    assert set(importing) == {"plugin.py"}


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (CategoricalDistribution(["a", None]), ["a", None]),
        (IntDistribution(2, 6, step=2), [2, 4, 6]),
        (FloatDistribution(0.5, 1.0, step=0.25), [0.5, 0.75, 1.0]),
    ],
)
def test_a_grid_has_all_values(
    distribution: optuna.distributions.BaseDistribution, values: list[object]
) -> None:
    assert plugin.grid_values(distribution) == values
    with pytest.raises(ValueError, match="discrete"):
        plugin.grid_values(FloatDistribution(0, 1))
