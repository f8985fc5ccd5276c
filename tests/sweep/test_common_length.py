"""All runs of a study with training.max_minutes get as many iterations as fit the slowest arm."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from musicgen.config import Config
from musicgen.errors import InputError
from musicgen.records.record import RunRecord
from musicgen.run import pace as pace_module
from musicgen.sweep.common_length import check_no_limit, with_common_length
from musicgen.sweep.design import PlannedArm, StudyDesign
from musicgen.training.pace import Pace
from tests.commands import last_line, train
from tests.sweep.test_design import composed, design

STUDY = ("training=smoke", "training.max_minutes=1", "model.hidden_size=64,128", "seed=0,1")


@pytest.fixture(autouse=True)
def paces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of twice the size take twice as long."""

    def known_pace(config: Config, *_: object) -> Pace:
        return Pace(config.model.hidden_size / 256, 1.0)

    monkeypatch.setattr(pace_module, "known_pace", known_pace)


def fitted(*overrides: str) -> StudyDesign:
    return with_common_length(design(*overrides), composed, lambda _: cast(Any, SimpleNamespace()))


def arms(*overrides: str) -> list[PlannedArm]:
    return fitted(*overrides).arms(composed)


def test_the_slowest_arm_decides_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    # 54 seconds: 104 iterations of half a second, and validations at 100 and at the end.
    found = {arm.name: arm.config.training for arm in arms(*STUDY)}
    assert {name: one.num_iterations for name, one in found.items()} == {
        "baseline": 104,
        "model.hidden_size=128": 104,
    }
    assert {one.max_minutes for one in found.values()} == {None}
    assert capsys.readouterr().out == (
        "training.max_minutes=1: 104 of 300 iterations fit (0.5 s each) in the slowest arm, "
        "model.hidden_size=128; every run gets them\n"
    )


def test_what_confirms_a_study_has_its_length() -> None:
    found = fitted(*STUDY)
    chosen = [arm for arm in found.arms(composed) if arm.config.change]
    second = found.confirming(chosen, range(5, 7)).arms(composed)
    assert [arm.config.training.num_iterations for arm in second] == [104, 104]
    combined = found.combine(composed, second[0], second[1:])
    assert (combined.config.training.num_iterations, combined.config.model.hidden_size) == (104, 128)


def test_no_arm_trains_for_longer_than_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    overrides = [text for text in STUDY if "hidden" not in text]
    assert [arm.config.training.num_iterations for arm in arms(*overrides, "training.max_minutes=9")] == [300]
    assert capsys.readouterr().out == "training.max_minutes=9: all 300 iterations fit (0.25 s each)\n"


def test_a_study_without_a_limit_stays_as_it_is() -> None:
    plain = design("training=smoke", "training.num_iterations=20,40")
    assert with_common_length(plain, composed, cast(Any, None)) is plain


@pytest.mark.parametrize(
    "overrides",
    [["training.num_iterations=20,40"], ["study.nuisance={training.num_iterations:[20]}"]],
)
def test_a_study_within_time_cannot_vary_its_length(overrides: list[str]) -> None:
    with pytest.raises(
        InputError, match=r"^training\.num_iterations: cannot vary in a study with training\."
    ):
        fitted(*STUDY, *overrides)


def test_a_time_limit_cannot_vary() -> None:
    plain = fitted("training=smoke", "training.max_minutes=null,2").arms(composed)
    with pytest.raises(InputError, match=r"^training\.max_minutes=2: training\.max_minutes cannot vary"):
        check_no_limit(plain)
    check_no_limit(arms(*STUDY))


def test_too_little_time_for_an_arm_is_refused() -> None:
    with pytest.raises(InputError, match=r"^training\.max_minutes=0\.01: 0 iterations fit"):
        fitted(*STUDY, "training.max_minutes=0.01")


def test_a_plan_times_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(pace_module, "known_pace", None)
    found = arms(*STUDY, "study.dry_run=true")
    assert [arm.config.training.num_iterations for arm in found] == [300, 300]
    assert "training.max_minutes=1: the study itself times its arms" in capsys.readouterr().out


@pytest.mark.slow
def test_a_study_within_time_runs_and_resumes(corpus: Path, tmp_path: Path) -> None:
    common = ["--multirun", "tracker=none", "rendering=none", "rendering.plots=false", "sampling.num_tunes=4"]
    study = [*common, "training.max_minutes=60", "model.hidden_size=64,32", f"hydra.sweep.dir={tmp_path}/s"]
    done = train(corpus, tmp_path, *study)
    assert last_line(done) == tmp_path / "s"
    assert "training.max_minutes=60: all 60 iterations fit" in done.stdout
    records = [RunRecord.read(path.parent) for path in (tmp_path / "s").glob("*/seed=0/run.json")]
    assert [record.status for record in records] == ["complete"] * 2
    for record in records:
        training = record.config["training"]
        assert isinstance(training, dict)
        assert (training["num_iterations"], training["max_minutes"]) == (60, None)
    again = train(corpus, tmp_path, *study)
    assert "2 runs: 0 iterations to train" in again.stdout and last_line(again) == tmp_path / "s"
