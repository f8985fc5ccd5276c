from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

import musicgen.train  # registers the resolver that conf/ uses  # noqa: F401
from musicgen.config import Config, conf_folder, config_from_dict, parse_config
from musicgen.errors import InputError
from musicgen.sweep.refusals import describe_refusal

GROUPS = ("data", "model", "training", "sampling", "rendering", "evaluation", "tracker", "study")


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(conf_folder())):
        return compose("config", overrides=list(overrides))


def parsed(*overrides: str) -> Config:
    return parse_config(composed(*overrides))


def composed_values(*overrides: str) -> dict:
    return parsed(*overrides).as_dict()


def choices() -> list[str]:
    return [
        f"{group}={path.stem}" for group in GROUPS for path in sorted((conf_folder() / group).glob("*.yaml"))
    ]


@pytest.mark.parametrize("choice", choices())
def test_every_file_of_every_group_composes(choice: str) -> None:
    needed = ["data.path=tunes.abc"] if choice == "data=file" else []
    config = parsed(choice, *needed)
    assert config_from_dict(config.as_dict()) == config


def test_every_group_has_files() -> None:
    assert {choice.split("=")[0] for choice in choices()} == set(GROUPS)
    assert {path.parent.name for path in Path(conf_folder()).glob("*/*.yaml")} == set(GROUPS)


def test_a_cell_changes_the_cell_and_nothing_else() -> None:
    values = composed_values("model=lstm")
    assert values["model"] == {**composed_values()["model"], "cell": "lstm"} != composed_values()["model"]


def test_the_lab_is_the_set_up_of_the_course() -> None:
    config = parsed("data=irish", "training=lab", "model=lab")
    assert (config.model.cell, config.model.num_layers) == ("lstm", 1)
    assert (config.model.embedding_size, config.model.hidden_size, config.model.dropout) == (256, 1024, 0.0)
    training = config.training
    assert (training.num_iterations, training.batch_size, training.sequence_length) == (3000, 8, 100)
    assert (training.learning_rate, training.schedule, training.warmup_iterations) == (5e-3, "constant", 0)
    assert training.gradient_clip is None and training.weight_decay == 0 and not config.data.clean
    assert config.sampling.prompts == ["X"] and config.sampling.temperature == 1.0


def test_smoke_shrinks_the_run_and_choices_win_over_it() -> None:
    config = parsed("training=smoke")
    assert config.model.cell == "lstm"
    assert (config.model.hidden_size, config.model.num_layers, config.training.learning_rate) == (64, 1, 5e-3)
    assert config.sampling.num_tunes == 8 and config.tracker.mode == "offline"
    assert parsed("training=smoke", "model.num_layers=2").model.num_layers == 2
    gru = parsed("training=smoke", "model=gru").model
    assert (gru.cell, gru.hidden_size) == ("gru", 64)
    assert parsed("training=smoke", "model=lab").model.hidden_size == 1024
    assert parsed("training=smoke", "tracker=comet").tracker.mode == "offline"


def test_the_split_follows_the_seed_unless_it_is_fixed() -> None:
    assert parsed("seed=7").data.split_seed == 7
    assert parsed("seed=7", "data.split_seed=1").data.split_seed == 1


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.hidden_size=-1", "model.hidden_size=-1: input should be greater than or equal to 1"),
        ("model.hidden_size=big", "model.hidden_size='big': input should be a valid integer"),
        ("model.hidden_size=1.5", "model.hidden_size=1.5: input should be a valid integer"),
        ("model.cell=transformer", "model.cell='transformer': input should be 'lstm' or 'gru'"),
        ("model.dropout=1", "model.dropout=1: input should be less than 1"),
        ("training.learning_rate=0", "training.learning_rate=0: input should be greater than 0"),
        ("training.batch_size=null", "training.batch_size=None: input should be a valid integer"),
        ("training.warmup_iterations=5000", "training: warmup_iterations must stay below num_iterations"),
        (
            "sampling.temperature=-0.5",
            "sampling.temperature=-0.5: input should be greater than or equal to 0",
        ),
        ("sampling.temperature=[]", "sampling.temperature=[]: list should have at least 1 item"),
        ("sampling.prompts=[]", "sampling: prompts must hold at least one prompt"),
        ("data.test_share=0.95", "data: validation_share + test_share must stay below 1"),
        ("data.keep_fields=[T]", "data: keep_fields must hold X and K"),
        ("device=tpu", "device='tpu': input should be 'auto', 'cpu' or 'cuda'"),
        ("+model.heads=4", "model.heads=4: unexpected keyword argument"),
        ("data=file", "data.path: missing"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(override: str, line: str) -> None:
    with pytest.raises(InputError) as error:
        parsed(override)
    assert line.lower() in str(error.value).lower()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.hiden_size=3", "model.hiden_size: no such field; allowed in model are cell, hidden_size"),
        ("sead=3", "sead: no such field; allowed in the config are data, model"),
        ("model=transformer", "model=transformer: no such choice; allowed are default, gru, lab, lstm"),
        ("model.cell=[", """model.cell=[: cannot be read; letters beyond ASCII and signs need quotes"""),
    ],
)
def test_what_cannot_be_composed_is_one_line(override: str, line: str) -> None:
    with pytest.raises(HydraException) as error:
        composed(override)
    told = describe_refusal(error.value)
    assert line in told and "\n" not in told


def test_config_values_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    OmegaConf.save(OmegaConf.create(composed_values()), path)
    assert OmegaConf.to_container(OmegaConf.load(path)) == composed_values()
