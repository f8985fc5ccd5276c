import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from musicgen.errors import InputError
from musicgen.search.space import Space, without_chosen
from musicgen.search.trials import overrides_of


def space(*overrides: str) -> Space:
    return Space.of(OverridesParser.create().parse_overrides(list(overrides)))


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("choice(16,32)", CategoricalDistribution([16, 32])),
        ("lstm,gru", CategoricalDistribution(["lstm", "gru"])),
        ("null,1.0", CategoricalDistribution(["null", 1.0])),
        ("range(1,4)", IntDistribution(1, 3)),
        ("range(4,0,-2)", IntDistribution(2, 4, step=2)),
        ("range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("interval(0.0,0.5)", FloatDistribution(0.0, 0.5)),
        ("int(interval(64,512))", IntDistribution(64, 512)),
        ("tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("tag(log,int(interval(16,512)))", IntDistribution(16, 512, log=True)),
    ],
)
def test_choices_and_ranges_are_read_as_hydra_reads_them(text: str, distribution: object) -> None:
    assert space(f"model.x={text}").distributions == {"model.x": distribution}


def test_the_later_override_counts() -> None:
    found = space(
        "model.a=1,2", "model.b=1,2", "experiment=smoke", "model.a=3", "experiment=lab", "model.b=3,4"
    )
    assert list(found.distributions) == ["model.b"] and list(found.fixed) == ["model.a=3", "experiment=lab"]
    assert found.distributions["model.b"] == CategoricalDistribution([3, 4])


def test_a_trial_draws_only_values_that_it_lacks() -> None:
    study = optuna.create_study()
    trial = study.ask()
    searched = space("a=1,2", "b=range(1,4)", "c=tag(log,interval(1e-4,1e-2))")
    searched.suggest(trial)
    first = dict(trial.params)
    searched.suggest(trial)
    assert first == trial.params and set(first) == {"a", "b", "c"}
    texts = overrides_of({"a": None, "b": True, "c": 1e-05, "d": "[1,2]"})
    assert texts == ["a=null", "b=true", "c=1e-05", "d=[1,2]"]


def test_a_grid_has_every_combination_of_single_values() -> None:
    assert space("a=x,y", "b=range(1,4)").grid() == {"a": ["x", "y"], "b": [1, 2, 3]}
    with pytest.raises(InputError, match=r"c: a grid needs single values"):
        space("c=interval(0,1)").grid()


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["model=lstm,gru"], ["model.size"]),
        (["model=gru"], ["model.size"]),
        (["model=large"], ["model.cell", "model.size"]),
        (["training=gru", "model.size=8,9"], ["model.cell", "model.size"]),
    ],
)
def test_a_group_takes_its_parameter_out_of_the_defaults(given: list[str], left: list[str]) -> None:
    parse = OverridesParser.create().parse_overrides
    kept = without_chosen(parse(["model.cell=choice(lstm, gru)", "model.size=interval(1,9)"]), parse(given))
    assert [override.get_key_element() for override in kept] == left


def in_two_layers(trial: optuna.Trial) -> None:
    if trial.params["layers"] == 2:
        trial.suggest_float("model.dropout", 0.0, 0.5)


def test_a_custom_space_draws_parameters_on_a_condition() -> None:
    searched = Space.of(OverridesParser.create().parse_overrides(["layers=1,2"]), in_two_layers)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = [study.ask() for _ in range(8)]
    for trial in trials:
        searched.suggest(trial)
    assert {("model.dropout" in trial.params, trial.params["layers"]) for trial in trials} == {
        (False, 1),
        (True, 2),
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seed", "seed: all trials of a search have one seed"),
        ("paths.store", "paths.store cannot be searched"),
        ("model.dropout", "draws model.dropout, which model.dropout=0.1 fixes"),
        ("+model.dropout", "draws .model.dropout, which model.dropout=0.1 fixes"),
        ("layers", "custom_search_space: ValueError: CategoricalDistribution does not support dynamic value"),
    ],
)
def test_a_wrong_custom_space_is_named(name: str, words: str) -> None:
    overrides = OverridesParser.create().parse_overrides(["layers=1,2", "model.dropout=0.1"])
    searched = Space.of(overrides, lambda trial: trial.suggest_categorical(name, [0, 1]))
    with pytest.raises(InputError, match=words):
        searched.suggest(optuna.create_study().ask())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("experiment=smoke", "a search needs a parameter with several values"),
        ("seed=1,2", "all trials of a search have one seed"),
        ("tracker.mode=live,upload", "tracker.mode cannot be searched"),
        ("a=interval(2,1)", r"a=interval\(2,1\): "),
        ("a=tag(log,interval(0.0,1.0))", r"a=tag\(log,interval\(0.0,1.0\)\): "),
        ("a=range(1,1)", r"a=range\(1,1\): .*at least one value"),
        ("a=glob(*)", r"a=glob\(\*\): cannot be searched"),
    ],
)
def test_what_cannot_be_searched_is_named(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        space(text)
