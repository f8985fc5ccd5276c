"""One study with every launcher: the same effects and the same failures."""

from importlib.util import find_spec
from pathlib import Path

import pandas
import pytest

from musicgen.records.runs import find_runs
from tests.commands import train
from tests.soak.results import differing, results

QUICK = (
    "tracker=none",
    "rendering=none",
    # Figures are drawn from the tables that are compared.
    "rendering.plots=false",
    "evaluation.num_reference_splits=2",
    "sampling.num_tunes=4",
)
STUDY = (
    "--multirun",
    # A longer training that resumes from a shorter one, and a run that only samples.
    "training.num_iterations=20,60",
    "sampling.temperature=0.5,0.7",
    # A run that diverges with this weight decay, and one that cannot start: its sequences exceed the corpus.
    "training.weight_decay=1",
    "training.learning_rate=5e-3,10",
    "training.sequence_length=40,99999",
)
ENDINGS = {
    "baseline": "complete",
    "training.num_iterations": "complete",
    "sampling.temperature": "complete",
    "training.learning_rate": "diverged",
    "training.sequence_length": "failed",
}
LAUNCHERS = {
    "basic": (None, ()),
    # A process does several runs, which must not write into each other's log or experiment.
    "joblib": ("hydra_joblib_launcher", ("hydra.launcher.n_jobs=2", "tracker=comet")),
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


def study(corpus: Path, outputs: Path, *options: str) -> Path:
    """Run the study and check how its runs ended; returns its directory."""
    done = train(corpus, outputs, *QUICK, *STUDY, *options)
    assert done.returncode == 1, done.stderr
    sweep = Path(done.stdout.strip().splitlines()[-1]).absolute()
    runs = pandas.read_csv(sweep / "runs.csv").fillna({"parameter": "baseline"})
    assert dict(zip(runs["parameter"], runs["status"], strict=True)) == ENDINGS and len(runs) == len(ENDINGS)
    errors = runs.set_index("parameter")["error"]
    assert "allowed are 1 to" in errors["training.sequence_length"]
    assert "diverged at iteration" in errors["training.learning_rate"]
    return sweep


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's directory, as our own launcher ran it."""
    return study(corpus, tmp_path_factory.mktemp("local"))


def trained(sweep: Path) -> dict[str, tuple[float | None, float | None]]:
    """Run -> iterations that it trained and took from others."""
    return {
        run.directory.relative_to(sweep).as_posix(): (
            run.record.timing.get("trained_iterations"),
            run.record.timing.get("reused_iterations"),
        )
        for run in find_runs([sweep])
    }


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_study_has_the_same_effects(
    launcher: str, expected: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = with_launcher(launcher)
    # A relative folder, since the jobs of some launchers start in another directory.
    monkeypatch.chdir(tmp_path)
    sweep = study(corpus, Path("outputs"), *options)
    assert (sweep / "effects.csv").read_bytes() == (expected / "effects.csv").read_bytes()
    # Weights, losses, tunes and tables to the byte; joblib's configs have another tracker.
    differs = differing(results(expected), results(sweep))
    assert differs.keys() == ({"run.json", "runs.csv"} if launcher == "joblib" else set()), differs
    assert trained(sweep) == trained(expected)
    for run in find_runs([sweep]):
        if run.record.status == "complete":
            assert len(list(run.directory.glob("comet/*.zip"))) == (launcher == "joblib")
            log = (run.directory / "train.log").read_text()
            assert log.count("sampling 4 tunes") == 1 and log.count("tunes read") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
