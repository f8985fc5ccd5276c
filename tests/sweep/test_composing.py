"""A copy with other values is what Hydra would have composed from the files."""

from collections.abc import Iterator
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from musicgen import train
from musicgen.config import conf_folder
from musicgen.sweep import launcher, sweeper
from musicgen.sweep.composing import Composer

CHANGE = "+change={parameter:model.cell,value:'gru',baseline_value:lstm}"
DIRECTORY = r"hydra.sweep.dir='outputs/a, b\'s'"


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConfigLoader]:
    launcher.register(launcher.Program())
    sweeper.register()
    with initialize_config_dir(str(conf_folder())):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def sweep(loader: ConfigLoader) -> DictConfig:
    overrides = ["hydra.mode=MULTIRUN", "hydra/sweeper=one_at_a_time", "hydra.launcher.num_jobs=3"]
    return loader.load_configuration("config", overrides, RunMode.MULTIRUN)


@pytest.fixture
def compositions(loader: ConfigLoader, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Hydra is asked for."""
    asked: list[list[str]] = []
    load: Any = loader.load_sweep_config

    def remember(master: DictConfig, overrides: list[str]) -> DictConfig:
        asked.append(overrides)
        return load(master, overrides)

    monkeypatch.setattr(loader, "load_sweep_config", remember)
    return asked


JOBS = [
    ["training.num_iterations=300"],
    ["training=lab", "sampling.temperature=0.5", "seed=3", CHANGE, "+retuned={training.learning_rate:0.01}"],
    ["seed=4", "training=lab", "sampling.temperature=0.7", "+change=null", DIRECTORY],
    ["training=lab", r'sampling.prompts=["X:1\nM:6/8\nK:D\n","X:\n"]', "hydra.sweep.subdir='a=b/seed=0'"],
    ["training=lab", "training.num_iterations=5", "training.num_iterations=7", "data.keep_fields=[T,R]"],
    ["model=lab", "training=lab", "model.hidden_size=64"],
    ["training=lab", "model=lab", "model.hidden_size=64", "rendering.soundfont='a b.sf2'"],
]


def test_copies_are_what_hydra_composes(
    loader: ConfigLoader, sweep: DictConfig, compositions: list[list[str]]
) -> None:
    composer = Composer(loader, sweep)
    composer.compose(JOBS[0])
    assert str(sweep.hydra.sweep.dir).startswith("outputs/"), "the time is told, and kept, from now on"
    composed = [composer.compose(job) for job in JOBS]
    assert compositions == [
        [],
        ["training=lab"],
        ["model=lab", "training=lab"],
        ["training=lab", "model=lab"],
    ]
    for job, config in zip(JOBS, composed, strict=True):
        expected = loader.load_sweep_config(sweep, job)
        assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(expected)
        assert config.hydra.sweep.dir == expected.hydra.sweep.dir
        assert config.hydra.run.dir == expected.hydra.run.dir
        assert config.hydra.job.override_dirname == expected.hydra.job.override_dirname
        for part in (None, "training", "hydra"):
            ours, theirs = (config, expected) if part is None else (config[part], expected[part])
            for flag in ("struct", "readonly"):
                assert ours._get_flag(flag) == theirs._get_flag(flag)


@pytest.mark.parametrize(
    "job",
    [
        ["model=gru"],
        ["+model.extra=1", "seed=1"],
        ["++seed=1", "model.hidden_size=64"],
        ["~study.seeds", "seed=1"],
        ["hydra.job.name=other", "seed=1"],
        ["hydra/job_logging=none", "seed=1"],
    ],
)
def test_what_is_more_than_a_value_is_composed_by_hydra(
    loader: ConfigLoader, sweep: DictConfig, compositions: list[list[str]], job: list[str]
) -> None:
    config = Composer(loader, sweep).compose(job)
    assert compositions == [job]
    assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(loader.load_sweep_config(sweep, job))


@pytest.mark.parametrize(
    "job",
    [["model.hiden_size=64"], ["model=grru"], ["model@model=gru", "seed=1"], ["seed=1", "model.cell.kind=1"]],
)
def test_bad_overrides_are_refused_in_hydras_words(
    loader: ConfigLoader, sweep: DictConfig, job: list[str]
) -> None:
    with pytest.raises(HydraException) as expected:
        loader.load_sweep_config(sweep, job)
    with pytest.raises(HydraException) as raised:
        Composer(loader, sweep).compose(job)
    assert str(raised.value) == str(expected.value)


def test_jobs_share_nothing(loader: ConfigLoader, sweep: DictConfig) -> None:
    composer = Composer(loader, sweep)
    first, second = composer.compose(["seed=1"]), composer.compose(["seed=2"])
    first.training.num_iterations = 1
    first.hydra.job.num = 7
    assert second.training.num_iterations != 1 and OmegaConf.is_missing(second.hydra.job, "num")
    assert (first.seed, second.seed, composer.compose(["seed=3"]).training.num_iterations) == (
        1,
        2,
        second.training.num_iterations,
    )


def test_the_command_knows_what_its_configs_resolve() -> None:
    # Both sides of the comparisons above need the resolver that importing the command registers.
    assert train.PRELOAD and OmegaConf.has_resolver("musicgen.changes")
