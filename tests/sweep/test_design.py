from collections.abc import Sequence

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

import musicgen.train  # registers the resolver that conf/ uses  # noqa: F401
from musicgen.config import Change, conf_folder, parse_config
from musicgen.errors import InputError
from musicgen.sweep.design import PlannedArm, StudyDesign, with_value, without_hydra


def composed(overrides: Sequence[str]) -> DictConfig:
    with initialize_config_dir(str(conf_folder())):
        return compose("config", overrides=list(overrides), return_hydra_config=True)


def design(*overrides: str) -> StudyDesign:
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    plain = [
        text for text, override in zip(overrides, parsed, strict=True) if not override.is_sweep_override()
    ]
    config = parse_config(without_hydra(composed(plain)))
    return StudyDesign.of(parsed, config.study, config.seed)


def arms(*overrides: str) -> list[PlannedArm]:
    return design(*overrides).arms(composed)


def names(*overrides: str) -> list[str]:
    return [arm.name for arm in arms(*overrides)]


def test_two_parameters_are_changed_one_at_a_time() -> None:
    assert names("training.learning_rate=1e-3,1e-2", "model.hidden_size=64,128") == [
        "baseline",
        "training.learning_rate=0.001",
        "training.learning_rate=0.01",
        "model.hidden_size=64",
        "model.hidden_size=128",
    ]


def test_a_level_equal_to_the_baseline_is_not_an_arm() -> None:
    assert names("training=smoke", "training.learning_rate=1e-3,5e-3,0.005,1e-2") == [
        "baseline",
        "training.learning_rate=0.001",
        "training.learning_rate=0.01",
    ]
    assert names("model=lstm,gru") == ["baseline", "model=lstm"]


def test_an_arm_differs_only_in_its_parameter() -> None:
    baseline, *changed = arms("training=smoke", "model.cell=gru", "training.batch_size=8,16")
    for arm in changed:
        expected = baseline.config.as_dict()
        expected["training"] |= {"batch_size": arm.value("training.batch_size")}  # type: ignore[operator]
        assert {**arm.config.as_dict(), "change": None} == expected
        assert arm.config.change == Change("training.batch_size", arm.value("training.batch_size"), 32)


def test_a_group_is_a_parameter_with_its_files_as_levels() -> None:
    _, lstm = arms("model=gru,lstm")
    assert lstm.config.change == Change("model", "lstm", "default", []) and lstm.config.model.cell == "lstm"


def test_ranges_and_globs_are_levels() -> None:
    assert names("model.num_layers=range(1,4)")[1:] == ["model.num_layers=2", "model.num_layers=3"]
    parser_knows_files = OverridesParser.create(config_loader=None)
    assert parser_knows_files.parse_override("model=glob(*)").is_sweep_override()


def test_a_list_is_one_level() -> None:
    _, prompts, _ = arms(r'sampling.prompts=["X:1\nK:D\n"],["T:","X:"]')
    assert prompts.config.change == Change("sampling.prompts", ["X:1\\nK:D\\n"], ["X:"])


def test_seeds_repeat_every_arm_with_what_refers_to_the_seed() -> None:
    found = design("seed=3,1,3", "training.batch_size=8,32")
    assert found.seeds == [3, 1]
    again = next(found.arms(composed)[1].with_seeds([1]))
    assert (again.seed, again.data.split_seed, again.training.batch_size) == (1, 1, 8)
    assert again.change == Change("training.batch_size", 8, 16)
    fixed = next(design("data.split_seed=7", "seed=3,1").arms(composed)[0].with_seeds([1]))
    assert (fixed.seed, fixed.data.split_seed) == (1, 7)
    assert design("seed=5", "model=lstm,gru").seeds == [5]


def test_the_command_line_overrides_a_declared_study() -> None:
    declared = [
        "study.baseline=['training=smoke','model.hidden_size=32']",
        "study.changes={training.batch_size:[8,16],model:[gru]}",
        "study.seeds=[4,5]",
    ]
    found = design(*declared, "model.hidden_size=48", "model=lstm")
    assert found.seeds == [4, 5]
    baseline, *changed = found.arms(composed)
    assert (baseline.config.model.hidden_size, baseline.config.training.num_iterations) == (48, 300)
    assert [arm.name for arm in changed] == ["training.batch_size=8", "training.batch_size=16", "model=gru"]
    assert design(*declared, "training.batch_size=64,128").levels["training.batch_size"] == ["64", "128"]
    assert design(*declared, "seed=9").seeds == [9]


def test_a_deletion_in_a_study_stays_one() -> None:
    assert design("~training.engine", "seed=0,1").baseline == ["~training.engine"]
    assert names("~training.engine", "model.num_layers=1,2") == ["baseline", "model.num_layers=2"]


def test_every_level_is_retuned_with_the_same_choices() -> None:
    found = design("study.nuisance={training.learning_rate:[1e-3,4e-3]}", "training.batch_size=8,32")
    assert [(arm.name, arm.config.retuned) for arm in found.arms(composed)] == [
        ("baseline", {}),
        ("training.batch_size=8", {}),
        ("training.batch_size=32", {}),
        ("baseline-training.learning_rate=0.001", {"training.learning_rate": 0.001}),
        ("training.batch_size=8-training.learning_rate=0.001", {"training.learning_rate": 0.001}),
        ("training.batch_size=32-training.learning_rate=0.001", {"training.learning_rate": 0.001}),
    ]


def test_winners_are_combined() -> None:
    found = design("training.batch_size=8,32", "model=gru,lstm")
    baseline, small, _, lstm = found.arms(composed)
    joint = found.combine(composed, baseline, [small, lstm])
    assert (joint.config.training.batch_size, joint.config.model.cell) == (8, "lstm")
    assert joint.config.change == Change("combined", "training.batch_size=8 model=lstm", None)


def test_combined_lists_and_null_are_named_as_in_tables() -> None:
    found = design('sampling.prompts=["X:"],["X:","K:D"]', "training.gradient_clip=1.0,null")
    baseline, *winners = found.arms(composed)
    change = found.combine(composed, baseline, winners).config.change
    assert change is not None
    assert change.value == 'sampling.prompts=["X:", "K:D"] training.gradient_clip=null'


def test_long_values_do_not_share_a_folder() -> None:
    text = "X" * 120
    assert len(set(names(f"sampling.prompts=['{text}a'],['{text}b']"))) == 3


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("paths.outputs=a,b", "paths.outputs cannot be swept"),
        ("hydra.sweep.dir=a,b", "hydra.sweep.dir cannot be swept"),
        ("rendering=wav,ogg", "rendering cannot be swept"),
        ("study=a,b", "study cannot be swept"),
        ("seed=0,x", "seeds are whole numbers"),
        ("training.learning_rate=interval(0,1)", "intervals are for a search"),
    ],
)
def test_an_override_that_a_study_cannot_sweep_is_refused(override: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        design(override)


@pytest.mark.parametrize(
    ("parameter", "level"),
    [
        ("training.learning_rate", "0.5e-3"),
        ("training.num_threads", "null"),
        ("model.lookback_bars", "[1,2]"),
        ("sampling.prompts", r'["X:1\nM:6/8\n","it\'s"]'),
        ("data.split_seed", "${training.batch_size}"),
        ("tracker.log_to", "{tensorboard:true}"),
    ],
)
def test_a_changed_value_is_what_hydra_composes(parameter: str, level: str) -> None:
    baseline = ["training=smoke", "model.hidden_size=48"]
    changed = with_value(composed(baseline), parameter, level)
    assert changed is not None
    expected = composed([*baseline, f"{parameter}={level}"])
    assert OmegaConf.to_yaml(changed) == OmegaConf.to_yaml(expected)
    assert changed.hydra.job.override_dirname == expected.hydra.job.override_dirname
    assert parse_config(without_hydra(changed)) == parse_config(without_hydra(expected))


@pytest.mark.parametrize(
    "text", ["model=gru", "hydra.job.name=x", "training.no_such=1", "seed=1,2", "training.batch_size=[1"]
)
def test_what_only_hydra_can_compose_is_left_to_it(text: str) -> None:
    assert with_value(composed([]), *text.split("=")) is None


def test_a_level_leaves_the_baseline_as_it_is() -> None:
    baseline = composed([])
    before = OmegaConf.to_yaml(baseline)
    with_value(baseline, "training.batch_size", "7")
    assert OmegaConf.to_yaml(baseline) == before


def test_hydra_composes_once_for_all_values_of_fields() -> None:
    calls: list[Sequence[str]] = []

    def counting(overrides: Sequence[str]) -> DictConfig:
        calls.append(overrides)
        return composed(overrides)

    found = design("training.batch_size=1,2,3,4,5,6", "model=lstm,gru").arms(counting)
    assert len(found) == 8
    # The baseline and the two groups.
    assert len(calls) == 3
