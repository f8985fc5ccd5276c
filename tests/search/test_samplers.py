import warnings
from typing import Any, cast

import optuna
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from musicgen.errors import InputError
from musicgen.search.objective import OptunaDirection
from musicgen.search.plugin import register_settings
from musicgen.search.samplers import Samplers
from musicgen.search.space import Space

register_settings()
NAMES = ["cmaes", "gp", "grid", "nsgaii", "nsgaiii", "qmc", "random", "tpe"]
RANGES = Space.of(OverridesParser.create().parse_overrides(["a=tag(log,interval(1e-3,1.0))", "b=range(1,4)"]))
POINTS = Space.of(OverridesParser.create().parse_overrides(["a=x,y", "b=range(1,4)"]))


def samplers(name: str, space: Space, **changes: object) -> Samplers:
    node = ConfigStore.instance().load(f"hydra/sweeper/sampler/{name}.yaml").node
    config = cast(dict[str, Any], OmegaConf.to_container(node))
    return Samplers({**config, **changes}, space)


def ask(found: Samplers, num_trials: int) -> list[tuple[object, ...]]:
    """What this number of trials are given, each by another sampler, as a search asks."""
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


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_gives_different_trials(name: str) -> None:
    points = ask(samplers(name, POINTS if name == "grid" else RANGES), 6)
    assert len(set(points)) == 6


def test_a_grid_has_the_step_of_its_ranges() -> None:
    steps = Space.of(OverridesParser.create().parse_overrides(["a=range(0.1,0.5,0.1)"]))
    points = [round(float(cast(float, point[0])), 3) for point in ask(samplers("grid", steps), 4)]
    assert sorted(points) == [0.1, 0.2, 0.3, 0.4]


def test_a_sequence_draws_its_choices_anew_in_each_trial() -> None:
    overrides = ["a=interval(0.0,1.0)", "b=range(1,4)", "c=x,y"]
    mixed = Space.of(OverridesParser.create().parse_overrides(overrides))
    assert {point[2] for point in ask(samplers("qmc", mixed, seed=0, scramble=True), 8)} == {"x", "y"}


def test_our_tpe_has_the_defaults_of_optuna() -> None:
    chosen = samplers("tpe", RANGES).config
    assert chosen["multivariate"] is True and chosen["constant_liar"] is True


@pytest.mark.parametrize(
    ("name", "changes", "directions", "words"),
    [
        ("tpe", {"color": 1}, ["minimize"], "sampler: .*color"),
        ("tpe", {"_target_": "os.system"}, ["minimize"], "sampler: .*os.system"),
        ("cmaes", {}, ["minimize", "maximize"], "sampler: .*multi-objective"),
        ("nsgaii", {"population_size": 1}, ["minimize"], "sampler: .*population_size"),
        ("motpe", {}, ["minimize"], "sampler: .*motpe.*removed"),
    ],
)
def test_a_sampler_that_cannot_do_it_is_one_line(
    name: str, changes: dict[str, object], directions: list[OptunaDirection], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        samplers(name, RANGES, **changes).first_point(directions)
    assert "\n" not in str(caught.value)


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
