"""Every file in conf/study asks a question and has valid levels."""

from functools import cache
from typing import Any

import pytest

from musicgen.config import Config, Level, StudyConfig, compose_config, conf_folder, config_from_dict
from musicgen.metrics.registry import METRICS
from musicgen.records.naming import override_text

STUDIES = sorted(path.stem for path in (conf_folder() / "study").glob("*.yaml") if path.stem != "none")
COURSE_PARAMETERS = {
    "training.num_iterations",
    "training.batch_size",
    "training.sequence_length",
    "training.learning_rate",
    "model.hidden_size",
    "model.num_layers",
    "model.cell",
    "sampling.temperature",
    "sampling.prompts",
}


@cache
def study_of(name: str) -> StudyConfig:
    return compose_config([f"study={name}"]).study


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_asks_a_question_about_known_metrics(name: str) -> None:
    study = study_of(name)
    assert study.name == name
    assert study.question is not None and study.question.endswith("?")
    assert study.seeds is not None and len(study.seeds) >= 3
    assert set(study.primary_metrics) <= set(METRICS)
    assert study.changes


@pytest.mark.parametrize("name", STUDIES)
def test_levels_are_valid_and_differ_from_each_other(name: str) -> None:
    study = study_of(name)
    baseline = compose_config(study.baseline)
    for parameter, levels in (study.changes | study.nuisance).items():
        configs = [with_level(baseline, study.baseline, parameter, level) for level in levels]
        assert any(config != baseline for config in configs)
        assert len({repr(config) for config in configs}) == len(levels)


def with_level(baseline: Config, overrides: list[str], parameter: str, level: Level) -> Config:
    if "." not in parameter:
        return compose_config([*overrides, f"{parameter}={override_text(level)}"])
    # Composing takes a hundred times as long.
    group, _, name = parameter.partition(".")
    values: dict[str, Any] = baseline.as_dict()
    assert name in values[group]
    return config_from_dict({**values, group: values[group] | {name: level}})


def test_the_parameters_of_the_course_have_studies() -> None:
    studies = {name: study_of(name) for name in STUDIES}
    assert set(studies["tour"].changes) == COURSE_PARAMETERS
    alone = {
        parameter for study in studies.values() if len(study.changes) == 1 for parameter in study.changes
    }
    assert alone >= COURSE_PARAMETERS


def test_prompts_with_escaped_line_ends_are_whole_headers() -> None:
    study = study_of("prompts")
    level = study.changes["sampling.prompts"][0]
    config = compose_config([f"sampling.prompts={override_text(level)}"])
    assert config.sampling.read_prompts() == ["X:1\nT:A Jig\nM:6/8\nL:1/8\nK:D\n"]
