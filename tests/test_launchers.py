"""One study with every launcher: the same numbers, and what becomes of runs that fail."""

from importlib.util import find_spec
from pathlib import Path

import pandas
import pytest

from musicgen.study.runs import find_runs
from tests.commands import last_line, train
from tests.conftest import write_tunebook

QUICK = ("tracker=none", "rendering=none", "evaluation.num_reference_splits=2", "sampling.num_tunes=4")
STUDY = ("--multirun", "training.num_iterations=20,60", "sampling.temperature=0.5,0.7", "seed=0,1")
"""A training of two lengths, of which the longer goes on from the shorter, and another temperature."""
LAUNCHERS = {
    "basic": (None, ()),
    # One process does several runs: none may write into the log or the experiment of another.
    "joblib": ("hydra_joblib_launcher", ("hydra.launcher.n_jobs=2", "tracker.kind=comet")),
    "ray": ("hydra_ray_launcher", ("hydra.launcher.ray.init.num_cpus=2",)),
    "submitit_local": ("hydra_submitit_launcher", ()),
}
"""Name -> its plugin, and overrides for two workers."""


def with_launcher(name: str) -> list[str]:
    """Overrides that choose the launcher; skips where its packages are missing."""
    plugin, overrides = LAUNCHERS[name]
    if plugin is not None and find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")
    return [f"hydra/launcher={name}", *overrides]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tunebook(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's directory, as our own launcher ran it."""
    return last_line(train(corpus, tmp_path_factory.mktemp("local"), *QUICK, *STUDY))


def trained(sweep: Path) -> dict[str, tuple[float, float]]:
    """Run -> iterations that it trained and took from others."""
    return {
        run.directory.relative_to(sweep).as_posix(): (
            run.record.timing["trained_iterations"],
            run.record.timing["reused_iterations"],
        )
        for run in find_runs([sweep])
    }


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_study_ends_with_the_same_effects(
    launcher: str, expected: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = with_launcher(launcher)
    # A relative folder, as users name theirs: the jobs of some launchers are started elsewhere.
    monkeypatch.chdir(tmp_path)
    sweep = last_line(train(corpus, Path("outputs"), *QUICK, *STUDY, *options)).absolute()
    assert (sweep / "effects.csv").read_bytes() == (expected / "effects.csv").read_bytes()
    assert trained(sweep) == trained(expected)
    for run in find_runs([sweep]):
        assert len(list(run.directory.glob("comet/*.zip"))) == (launcher == "joblib")
        log = (run.directory / "train.log").read_text()
        assert log.count("sampling 4 tunes") == 1 and log.count("tunes read") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_run_that_fails_or_diverges_is_one_line_and_the_others_run(
    launcher: str, corpus: Path, tmp_path: Path
) -> None:
    changes = [
        "training.learning_rate=5e-3,10",
        "training.sequence_length=40,99999",
        "training.batch_size=16,8",
    ]
    options = ["training.weight_decay=1", "--multirun", *changes, *with_launcher(launcher)]
    done = train(corpus, tmp_path, *QUICK, *options)
    assert done.returncode == 1, done.stderr
    runs = pandas.read_csv(Path(done.stdout.strip().splitlines()[-1]) / "runs.csv")
    runs = runs.fillna({"parameter": "baseline"}).set_index("parameter")
    assert runs["status"].to_dict() == {
        "baseline": "complete",
        "training.learning_rate": "diverged",
        "training.sequence_length": "failed",
        "training.batch_size": "complete",
    }
    assert "allowed are 1 to" in runs.loc["training.sequence_length", "error"]
