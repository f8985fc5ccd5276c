import warnings
from pathlib import Path

import optuna
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.config import conf_folder
from musicgen.search.samplers import Samplers
from musicgen.search.space import Space

FILES = sorted((conf_folder() / "hydra" / "sweeper" / "sampler").glob("*.yaml"))
RANGES = Space.of(OverridesParser.create().parse_overrides(["a=tag(log,interval(1e-3,1.0))", "b=range(1,4)"]))
POINTS = Space.of(OverridesParser.create().parse_overrides(["a=x,y", "b=range(1,4)"]))


def samplers(name: str, space: Space, **changes: object) -> Samplers:
    config = yaml.safe_load((conf_folder() / "hydra" / "sweeper" / "sampler" / f"{name}.yaml").read_text())
    return Samplers({**config, **changes}, space)


def ask(found: Samplers, num_trials: int) -> list[tuple[object, ...]]:
    """What so many trials are given, each by a sampler of its own, as a search asks."""
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s")
    points = []
    for number in range(num_trials):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            one = optuna.load_study(study_name="s", storage=storage, sampler=found.for_trial(number))
            trial = one.ask()
            found.space.suggest(trial)
        study.tell(trial, float(number))
        points.append(tuple(trial.params.values()))
    return points


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_sampler_gives_different_trials(path: Path) -> None:
    points = ask(samplers(path.stem, POINTS if path.stem == "grid" else RANGES), 6)
    assert len(set(points)) == 6


@pytest.mark.parametrize("name", ["tpe", "random", "gp", "qmc"])
def test_a_seed_makes_a_search_repeatable(name: str) -> None:
    found = samplers(name, RANGES, seed=3)
    assert ask(found, 4) == ask(found, 4)
    assert ask(found, 4) != ask(samplers(name, RANGES, seed=4), 4)


def test_the_searches_of_neighbouring_seeds_share_no_point() -> None:
    first, second = (ask(samplers("random", RANGES, seed=seed), 8) for seed in (3, 4))
    assert not set(first) & set(second)


def test_a_grid_has_no_more_trials_than_points() -> None:
    assert samplers("grid", POINTS).max_trials(20) == 6
    assert samplers("grid", POINTS).max_trials(4) == 4
    assert samplers("tpe", POINTS).max_trials(20) == 20
