"""docs/extending.md, word for word: its package in a study, installed and by path."""

import os
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen.records.record import RunRecord
from musicgen.records.runs import read_rows
from tests.commands import TINY, last_line
from tests.forked import run_forked
from tests.made_packages import PAGE, install_documented, write_documented
from tests.soak.commands import small_tune

ROOT = Path(__file__).parents[1]
METRIC = "signs/repeats"
QUICK = [
    *TINY,
    'sampling.prompts=["X:"]',
    "data.source=sqlite",
    "data.path=tunes.sqlite",
    "rendering=none",
    "tracker=none",
]
CELL = ["model.cell=leaky", "training.engine=torch", "evaluation.metrics=[repeats]"]
BY_PATH = {
    "leaky": "my_package.cells:Leaky",
    "sqlite": "my_package.corpora:sqlite",
    "[repeats]": "[my_package.metrics:repeats]",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the page, installed into it, and a database of tunes."""
    folder = tmp_path_factory.mktemp("outside")
    install_documented(folder)
    with sqlite3.connect(folder / "tunes.sqlite") as tunes:
        tunes.execute("CREATE TABLE tunes (title TEXT, meter TEXT, key TEXT, abc TEXT)")
        for number in range(40):
            body = small_tune(number).partition("K:C\n")[2]
            # Real tunes differ in the metric.
            body = body.replace("|]", ":|") if number % 3 else body
            tunes.execute("INSERT INTO tunes VALUES (?, '4/4', 'C', ?)", (f"Tune {number}", body))
    return folder


def train(
    folder: Path, *words: str, is_installed: bool = True, trust: str = "", module: str = "train"
) -> subprocess.CompletedProcess[str]:
    """Run the command in the folder, as the musicgen command does: the folder is not on Python's path."""
    if not is_installed:
        # Only an installed package needs an interpreter of its own, which finds it when it starts.
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("MUSICGEN_TRUST", trust)
            return run_forked(f"musicgen.{module}", *words)
    paths = os.pathsep.join([str(folder / "installed"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "MUSICGEN_TRUST": trust}
    command = [sys.executable, "-P", "-m", f"musicgen.{module}", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def study(folder: Path) -> Path:
    """A study of two learning rates with two seeds, on the package's corpus with its cell and its metric."""
    done = train(
        folder,
        *("--multirun", *QUICK, *CELL, "training.learning_rate=0.005,0.02", "seed=0,1"),
        *(f"study.primary_metrics=[{METRIC}]", "+hydra.callbacks.done._target_=my_package.callbacks.Done"),
        trust="my_package",
    )
    assert f"{METRIC} " not in done.stderr
    return folder / last_line(done)


@pytest.mark.slow
def test_a_study_uses_metric_cell_corpus_and_callback(study: Path) -> None:
    runs = read_rows(study / "runs.csv")
    assert [row["status"] for row in runs] == ["complete"] * 4
    assert {row["model.cell"] for row in runs} == {"leaky"}
    assert all(0 <= float(row[METRIC]) <= 1 for row in runs)
    (effect,) = [row for row in read_rows(study / "effects.csv") if row["metric"] == METRIC]
    assert effect["parameter"] == "training.learning_rate" and effect["family"] == "primary"
    record = RunRecord.read(study / "baseline" / "seed=0")
    assert record.corpus["tunes_read"] == 40
    assert 0 < record.reference[METRIC]["mean"] < 1 and METRIC in record.floor
    assert METRIC in record.sampling_noise
    assert (study / "done.txt").is_file()


@pytest.mark.slow
def test_a_study_is_read_without_the_package(study: Path, folder: Path) -> None:
    tables = [(study / name).read_bytes() for name in ("runs.csv", "effects.csv")]
    done = train(folder, str(study), "--no-plots", is_installed=False, module="compare")
    assert last_line(done) == study and "signs" not in done.stderr
    assert [(study / name).read_bytes() for name in ("runs.csv", "effects.csv")] == tables
    assert "repeats" in done.stdout
    again = train(folder, str(study / "baseline" / "seed=0"), is_installed=False, module="sample")
    # The state of its training is whole, and must not be called damaged.
    assert again.stderr.count("\n") == 1
    assert again.stderr.startswith("musicgen: model.cell=leaky: no such cell; installed are lstm, gru")


@pytest.mark.slow
def test_paths_do_what_names_do(study: Path, folder: Path) -> None:
    # In the folder of the package, which is not installed.
    project = folder / "my-package"
    pairs = [word.partition("=")[::2] for word in [*QUICK, *CELL]]
    words = [f"{name}={BY_PATH.get(value, value)}" for name, value in pairs]
    words += [f"data.path={folder / 'tunes.sqlite'}", f"paths.outputs={folder / 'outputs'}"]

    def train_by_path() -> RunRecord:
        return RunRecord.read(
            project / last_line(train(project, *words, is_installed=False, trust="my_package"))
        )

    refused = train(project, *words, is_installed=False)
    assert (
        refused.returncode == 1 and "set MUSICGEN_TRUST=my_package.cells in the environment" in refused.stderr
    )
    record = train_by_path()
    named = RunRecord.read(study / "baseline" / "seed=0")
    # The network is the same, bit by bit.
    assert record.metrics["fit/validation_loss"] == named.metrics["fit/validation_loss"]
    assert record.metrics[METRIC] == named.metrics[METRIC]
    assert record.reference == named.reference
    again = train_by_path()
    assert again.training_id == record.training_id and again.timing["trained_iterations"] == 0


@pytest.mark.slow
def test_a_metric_that_raises_costs_only_its_value(folder: Path, tmp_path: Path) -> None:
    code = (
        "from musicgen.metrics.outside import metric\n"
        "@metric('own/broken', better='lower', meaning='nothing')\n"
        "def broken(tunes): return {}[0]\n"
    )
    (tmp_path / "broken_metric.py").write_text(code, encoding="utf-8")
    words = [*QUICK, f"data.path={folder / 'tunes.sqlite'}", f"data.source={BY_PATH['sqlite']}"]
    write_documented(tmp_path)
    words.append("evaluation.metrics=[broken_metric:broken]")
    done = train(tmp_path, *words, is_installed=False, trust="broken_metric,my_package")
    record = RunRecord.read(tmp_path / last_line(done))
    assert record.metrics["own/broken"] is None and record.reasons["own/broken"] == "KeyError: 0"
    assert record.metrics["diversity/unique_tunes"] is not None
    text = done.stdout + done.stderr
    assert text.count("own/broken has no value: KeyError: 0") == 1
    assert "own/broken" not in record.reference and "Traceback" not in text


@pytest.mark.slow
def test_any_tunes_are_measured_by_name(folder: Path) -> None:
    tunes = folder / "any.abc"
    tunes.write_text("\n\n".join(map(small_tune, range(20))), encoding="utf-8")
    done = train(folder, str(tunes), "--reference", str(tunes), "--metric", "repeats", module="evaluate")
    assert done.returncode == 0, done.stderr
    assert "repeats: share of tunes with a repeat sign" in done.stdout


@pytest.mark.slow
def test_the_commands_on_the_page_are_valid(folder: Path) -> None:
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", "")
    commands = [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("musicgen train ")]
    assert len(commands) == 2
    code = "import sys; from musicgen.config import compose_config; compose_config(sys.argv[1:])"
    paths = os.pathsep.join([str(folder / "installed"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "MUSICGEN_TRUST": "my_package"}
    for words in commands:
        subprocess.run([sys.executable, "-c", code, *words], env=environment, cwd=folder, check=True)
