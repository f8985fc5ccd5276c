"""A mistake in Hydra's own settings or files is one line, before anything is made."""

from pathlib import Path

import pytest
from hydra._internal.utils import get_args_parser

from musicgen.sweep.refusals import describe_option, describe_refusal, is_refused
from tests.commands import TINY, run


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of configs, each broken in a different way."""
    folder = tmp_path_factory.mktemp("mine")
    head = b"defaults: [config, _self_]\n"
    (folder / "syntax.yaml").write_bytes(head + b"seed: [7\n")
    (folder / "tab.yaml").write_bytes(head + b"model:\n\tdropout: 0\n")
    (folder / "twice.yaml").write_bytes(head + b"seed: 1\nseed: 2\n")
    (folder / "latin.yaml").write_bytes(head + b"study: {question: 'B\xfc'}\n")
    return folder


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config-name=syntax"], "syntax.yaml"),
        (["--config-name=tab"], "tab.yaml"),
        (["--config-name=twice"], "duplicate key seed"),
        (["--config-name=latin"], "save it as UTF-8"),
        (["--config-name=none"], "none"),
        (["data.path=B\u00fccher.abc"], "need quotes: 'data.path=\"B\u00fccher.abc\"'"),
        (["hydra.job_logging.root.level=LOUD"], "LOUD"),
        (["hydra.job.env_copy=[NOBODY_SET_THIS]"], "NOBODY_SET_THIS"),
        (["--multirun", "+hydra.sweeper.n_trials=2"], "hydra.sweeper.n_trials: no such setting"),
        (["--multirun", "+hydra.launcher.n_jobs=2"], "allowed for ProcessLauncher are num_jobs"),
        (
            ["--multirun", "hydra.launcher._target_=a.B"],
            "_target_=a.B: unknown sweeper or launcher; a config must not choose which code runs",
        ),
        (
            ["+hydra.callbacks.mine._target_=a.b.C"],
            "_target_=a.b.C: a config must not choose which code runs",
        ),
        (["+hydra.callbacks.mine._target_=a.b.C"], "set MUSICGEN_TRUST=a.b in the environment"),
        (
            ["+hydra.job_logging.handlers.mine.class=a.b.C", "hydra.job_logging.root.handlers=[mine]"],
            "set MUSICGEN_TRUST=a.b in the environment",
        ),
        (["+hydra.job.env_set.MUSICGEN_TRUST=subprocess"], "a config must not choose which code runs"),
        (["--multirun", "hydra/sweeper=optuna", "+hydra.sweeper.sampler.color=1"], "hydra.sweeper.sampler"),
        (["--multirun", "hydra.sweep.subdir=${hydra.job.num}"], "arms and trials name their own"),
    ],
)
def test_a_wrong_setting_of_hydra_is_one_line(
    mine: Path, tmp_path: Path, words: list[str], line: str
) -> None:
    places = [f"--config-dir={mine}", f"paths.outputs={tmp_path / 'outputs'}", "data.path=none.abc"]
    done = run("train", *TINY, *places, *words)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1 and len(lines) == 1
    assert lines[0].startswith("musicgen: ") and line in lines[0]


def test_trust_lets_the_users_own_callbacks_run(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
from pathlib import Path
from hydra.experimental.callback import Callback
class Mine(Callback):
    def on_run_start(self, config, **kwargs):
        Path("called").touch()
"""
    (tmp_path / "callbacks_of_a_test.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["+hydra.callbacks.mine._target_=callbacks_of_a_test.Mine", "data.path=none.abc"]
    for trusted, is_called in (("callbacks", False), ("callbacks_of_a_test", True)):
        monkeypatch.setenv("MUSICGEN_TRUST", trusted)
        done = run("train", *TINY, "paths.outputs=outputs", *words)
        assert ("none.abc: no such file" in done.stderr) == is_called == Path("called").exists(), done.stderr


def test_trust_lets_the_users_own_launcher_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import sys
from hydra.plugins.launcher import Launcher
class Mine(Launcher):
    def setup(self, *, hydra_context, task_function, config): ...
    def launch(self, job_overrides, initial_job_idx):
        raise KeyError(f"{len(job_overrides)} jobs")
"""
    (tmp_path / "launchers_of_a_test.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["--multirun", "hydra/sweeper=basic", "seed=0,1", "hydra/launcher=basic"]
    place = ["data.path=none.abc", "paths.outputs=outputs"]
    for name, line in (("Mine", "2 jobs"), ("Theirs", "has no attribute 'Theirs'")):
        monkeypatch.setenv("MUSICGEN_TRUST", "launchers_of_a_test")
        target = f"hydra.launcher._target_=launchers_of_a_test.{name}"
        done = run("train", *TINY, *words, *place, target)
        assert done.returncode == 1 and line in done.stderr, done.stderr
    monkeypatch.delenv("MUSICGEN_TRUST")
    done = run("train", *TINY, *words, *place, target)
    assert "set MUSICGEN_TRUST=launchers_of_a_test in the environment" in done.stderr


def test_a_defect_of_ours_is_not_a_refusal() -> None:
    def calls_hydra() -> None:
        describe_refusal(TypeError("from a module of ours"), 3)  # type: ignore[call-arg]

    with pytest.raises(TypeError) as error:
        calls_hydra()
    assert not is_refused(error.value, run)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--seed", "3"], "seed"),
        (["--num_training_iterations=500"], "training.num_iterations"),
        (["--batch-size=8"], "training.batch_size"),
        (["--multirun", "--model.cell=gru"], "model.cell"),
    ],
)
def test_a_field_with_dashes_is_written_without_them(words: list[str], meant: str) -> None:
    line = describe_option(words)
    assert line is not None and line.endswith(f": no such option; write {meant}=VALUE")


def test_options_of_hydra_are_not_taken_for_fields() -> None:
    parser = get_args_parser()
    options = [option for action in parser._actions for option in action.option_strings]
    assert "--experimental-rerun" in options and describe_option([*options, "seed=3"]) is None
