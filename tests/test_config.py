from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

import musicgen.train  # registers the resolver that conf/ uses  # noqa: F401
from musicgen.config import (
    EXPERIMENTS_ONCE_IN_TRAINING,
    NAMES_ELSEWHERE,
    Config,
    conf_folder,
    config_from_dict,
    meant_name,
    parse_config,
    warn_of_old_names,
)
from musicgen.errors import InputError
from musicgen.sweep.refusals import describe_refusal

GROUPS = (
    "data",
    "model",
    "training",
    "sampling",
    "rendering",
    "evaluation",
    "tracker",
    "study",
    "experiment",
)
WHOLE_GROUPS = ("model", "training", "sampling", "rendering", "evaluation")
"""Not tracker, of which several files may be chosen."""


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(conf_folder())):
        return compose("config", overrides=list(overrides))


@cache
def parsed(*overrides: str) -> Config:
    return parse_config(composed(*overrides))


def composed_values(*overrides: str) -> dict:
    return parsed(*overrides).as_dict()


def choices() -> list[str]:
    return [
        f"{group}={path.stem}" for group in GROUPS for path in sorted((conf_folder() / group).glob("*.yaml"))
    ]


@pytest.mark.parametrize("choice", choices())
def test_every_file_composes(choice: str) -> None:
    needed = ["data.path=tunes.abc"] if choice == "data=file" else []
    config = parsed(choice, *needed)
    assert config_from_dict(config.as_dict()) == config


def test_every_group_has_files() -> None:
    assert {choice.split("=")[0] for choice in choices()} == set(GROUPS)
    assert {path.parent.name for path in Path(conf_folder()).glob("*/*.yaml")} == set(GROUPS)


@pytest.mark.parametrize(
    "path",
    [path for group in WHOLE_GROUPS for path in sorted((conf_folder() / group).glob("*.yaml"))],
    ids=lambda path: f"{path.parent.name}={path.stem}",
)
def test_a_groups_file_sets_its_whole_group(path: Path) -> None:
    values = OmegaConf.load(path)
    assert isinstance(values, DictConfig)
    values.pop("defaults", None) if path.parent.name == "training" else None
    if "defaults" in values:
        base = OmegaConf.load(path.with_stem(values.pop("defaults")[0]))
        values = OmegaConf.merge(base, values)
    group = path.parent.name
    fields = set(composed_values()[group]) - {"stop_iteration"}
    assert isinstance(values, DictConfig) and set(values.get(group, values)) == fields


def test_the_models_by_name_differ_in_the_cell_alone() -> None:
    default, gru, lstm = (parsed(f"model={name}").model for name in ("default", "gru", "lstm"))
    assert default == parsed().model == gru == replace(lstm, cell="gru")
    assert lstm.cell == "lstm"


def test_the_lab_is_the_set_up_of_the_course() -> None:
    config = parsed("data=irish", "experiment=lab")
    assert (config.model.cell, config.model.num_layers) == ("lstm", 1)
    assert (config.model.embedding_size, config.model.hidden_size, config.model.dropout) == (256, 1024, 0.0)
    training = config.training
    assert (training.num_iterations, training.batch_size, training.sequence_length) == (3000, 8, 100)
    assert (training.learning_rate, training.schedule, training.warmup_iterations) == (5e-3, "constant", 0)
    assert training.gradient_clip is None and training.weight_decay == 0 and not config.data.clean
    assert config.sampling.prompts == ["X"] and config.sampling.temperature == 1.0


@pytest.mark.parametrize("name", sorted(EXPERIMENTS_ONCE_IN_TRAINING))
def test_the_old_name_of_an_experiment_still_works(name: str) -> None:
    assert parsed(f"training={name}") == parsed(f"experiment={name}") != parsed()


@pytest.mark.parametrize("set_up", ["experiment=lab", "training=lab", "experiment=smoke", "training=smoke"])
def test_a_choice_wins_over_the_experiment(set_up: str) -> None:
    plain = parsed()
    for override in ("model=default", "sampling=default", "evaluation=default", "tracker=comet"):
        group = override.split("=")[0]
        assert getattr(parsed(set_up, override), group) == getattr(plain, group)
        assert getattr(parsed(override, set_up), group) == getattr(plain, group)
    assert parsed(set_up, "model=lab").model == parsed("model=lab").model
    assert parsed(set_up, "model=gru").model == plain.model
    assert parsed(set_up, "model.num_layers=2").model == replace(parsed(set_up).model, num_layers=2)
    assert parsed(set_up, "data.clean=true").data.clean


def test_an_experiment_can_take_another_training() -> None:
    config = parsed("experiment=lab", "training=default")
    assert config.training == parsed().training and config.model == parsed("model=lab").model


def test_the_lab_reads_any_corpus_as_the_course_does() -> None:
    assert parsed("experiment=lab", "data=ryans").data == replace(
        parsed("data=ryans").data, clean=False, test_share=0.02
    )


def test_a_file_of_ones_own_may_hold_only_what_it_changes(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "clipped.yaml").write_text("gradient_clip: 0.5\n")
    own = parsed(f"hydra.searchpath=[{tmp_path}]", "training=clipped")
    assert own.training == replace(parsed().training, gradient_clip=0.5)


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (["training=smoke", "seed=1"], ["smoke"]),
        (["training=lab,smoke,default"], ["lab", "smoke"]),
        (["experiment=smoke", "training=quick"], []),
        (["training=default", "training.batch_size=8", "study.name=smoke"], []),
    ],
)
def test_old_names_are_reported(
    overrides: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    warn_of_old_names(overrides)
    lines = [
        f"musicgen: training={name} is now experiment={name}; the old name works for one more release"
        for name in names
    ]
    assert capsys.readouterr().err.splitlines() == lines


def test_internal_fields_are_not_on_the_users_surface() -> None:
    surface = OmegaConf.to_yaml(composed())
    assert not any(name in surface for name in ("change:", "retuned", "stop_iteration"))
    config = parsed("+training.stop_iteration=9", "+retuned={model.dropout:0.1}")
    assert config.training.stop_iteration == 9 and config.retuned == {"model.dropout": 0.1}


def test_the_split_follows_the_seed_unless_it_is_fixed() -> None:
    assert parsed("seed=7").data.split_seed == 7
    assert parsed("seed=7", "data.split_seed=1").data.split_seed == 1


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.hidden_size=-1", "model.hidden_size=-1: input should be greater than or equal to 1"),
        ("model.hidden_size=big", "model.hidden_size='big': input should be a valid integer"),
        ("model.hidden_size=1.5", "model.hidden_size=1.5: input should be a valid integer"),
        (
            "model.cell=transformer",
            "model.cell=transformer: no such cell; installed are lstm, gru, or a path",
        ),
        ("model.dropout=1", "model.dropout=1: input should be less than 1"),
        ("training.learning_rate=0", "training.learning_rate=0: input should be greater than 0"),
        ("training.batch_size=null", "training.batch_size=None: input should be a valid integer"),
        ("training.warmup_iterations=5000", "training: warmup_iterations must stay below num_iterations"),
        (
            "sampling.temperature=-0.5",
            "sampling.temperature=-0.5: input should be greater than or equal to 0",
        ),
        ("sampling.temperature=[]", "sampling.temperature=[]: list should have at least 1 item"),
        ("sampling.prompts=[]", "sampling: prompts must contain at least one prompt"),
        ("data.test_share=0.95", "data: validation_share + test_share must be below 1"),
        ("data.keep_fields=[T]", "data: keep_fields must contain X and K"),
        ("device=tpu", "device='tpu': input should be 'auto', 'cpu', 'cuda' or 'mps'"),
        ("+model.heads=4", "model.heads=4: unexpected keyword argument"),
        (
            "+model.embedding_sise=4",
            "model.embedding_sise: no such field; did you mean model.embedding_size?",
        ),
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
        ("model.hiden_size=3", "model.hiden_size: no such field; did you mean model.hidden_size?"),
        ("model.heads=3", "model.heads: no such field; allowed in model are cell, hidden_size"),
        ("color=red", "color: no such field; allowed in the config are data, model"),
        (
            "model=transformer",
            "model=transformer: no such choice; allowed are default, gru, lab, lstm, quick, smoke",
        ),
        ("model.cell=[", """model.cell=[: cannot be read; letters beyond ASCII and signs need quotes"""),
        ("tracker=[comet,paper]", "tracker=paper: no such choice"),
        ("tracker.kind=none", "tracker.kind: is now tracker.log_to; write tracker=comet, tracker=none or"),
        ("tracker.log_to.mine=true", "a tracker of another package write +tracker.log_to.mine=true"),
    ],
)
def test_what_cannot_be_composed_is_one_line(override: str, line: str) -> None:
    with pytest.raises(HydraException) as error:
        composed(override)
    told = describe_refusal(error.value)
    assert line in told and "\n" not in told


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("num_training_iterations", "training.num_iterations"),
        ("training.num_training_iterations", "training.num_iterations"),
        ("batch_size", "training.batch_size"),
        ("model.learning_rate", "training.learning_rate"),
        ("trainin.dropout", "model.dropout"),
        ("rendering.num_tune", "rendering.num_tunes"),
        ("num_tunes", "sampling.num_tunes"),
        ("num_layer", "model.num_layers"),
        ("sead", "seed"),
        ("modell", "model"),
        ("experimnt", "experiment"),
        ("model.heads", None),
        ("stop_iteration.color", None),
    ],
)
def test_a_wrong_name_is_traced_to_the_meant_one(name: str, meant: str | None) -> None:
    assert meant_name(name) == meant


def test_names_of_other_programs_lead_to_fields() -> None:
    config = parsed()
    for name, place in NAMES_ELSEWHERE.items():
        group, _, field = place.rpartition(".")
        assert hasattr(getattr(config, group) if group else config, field) and name != field


def test_the_earlier_field_of_trackers_is_not_taken_silently() -> None:
    """A file of the user's may still have it, and Hydra merges the file with today's fields."""
    with pytest.raises(
        InputError, match=r"tracker: kind is now log_to; write tracker=comet, tracker=none or"
    ):
        parsed("+tracker.kind=none")


def test_config_values_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    OmegaConf.save(OmegaConf.create(composed_values()), path)
    assert OmegaConf.to_container(OmegaConf.load(path)) == composed_values()
