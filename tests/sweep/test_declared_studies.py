"""Every file of conf/study composes and asks a question, and its levels differ from the baseline."""

import pytest

from musicgen.config import compose_config, conf_folder
from musicgen.metrics.registry import METRICS
from musicgen.records.naming import override_text

STUDIES = sorted(path.stem for path in (conf_folder() / "study").glob("*.yaml") if path.stem != "none")
KNOBS_OF_THE_COURSE = {
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


@pytest.mark.parametrize("name", STUDIES)
def test_a_declared_study_asks_a_question_with_metrics_that_exist(name: str) -> None:
    study = compose_config([f"study={name}"]).study
    assert study.name == name
    assert study.question is not None and study.question.endswith("?")
    assert study.seeds is not None and len(study.seeds) >= 3
    assert set(study.primary_metrics) <= set(METRICS)
    assert study.changes


@pytest.mark.parametrize("name", STUDIES)
def test_every_level_is_allowed_and_only_listed_baselines_change_nothing(name: str) -> None:
    study = compose_config([f"study={name}"]).study
    baseline = compose_config(study.baseline)
    for parameter, levels in (study.changes | study.nuisance).items():
        composed = [
            compose_config([*study.baseline, f"{parameter}={override_text(level)}"]) for level in levels
        ]
        assert sum(config != baseline for config in composed) >= 1
        assert len({repr(config) for config in composed}) == len(levels)


def test_every_knob_of_the_course_has_a_study_and_is_in_the_tour() -> None:
    studies = {name: compose_config([f"study={name}"]).study for name in STUDIES}
    assert set(studies["tour"].changes) == KNOBS_OF_THE_COURSE
    alone = {
        parameter for study in studies.values() if len(study.changes) == 1 for parameter in study.changes
    }
    assert alone >= KNOBS_OF_THE_COURSE


def test_prompts_with_a_written_line_end_are_whole_headers() -> None:
    study = compose_config(["study=prompts"]).study
    level = study.changes["sampling.prompts"][0]
    config = compose_config([f"sampling.prompts={override_text(level)}"])
    assert config.sampling.read_prompts() == ["X:1\nT:A Jig\nM:6/8\nL:1/8\nK:D\n"]
