"""The recipes of CONTRIBUTING.md, applied word for word to a copy of the project."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.listening.made_session import write_study
from tests.soak.commands import write_tunebook

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


class Recipe:
    """A section of CONTRIBUTING.md."""

    def __init__(self, title: str) -> None:
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        self.blocks = [(language, textwrap.dedent(block)) for _, language, block in _BLOCK.findall(section)]

    def apply(self, project: Path) -> None:
        """Make the new files and the changes; a diff's old lines must occur once."""
        for language, block in self.blocks:
            first, _, rest = block.partition("\n")
            if language == "yaml":
                (project / first.removeprefix("# ")).write_text(rest, encoding="utf-8")
            elif language == "diff":
                path = project / first.removeprefix("--- ")
                lines = rest.splitlines()
                old, new = (
                    "\n".join(line[1:] for line in lines if line[:1] in sides) for sides in (" -", " +")
                )
                text = path.read_text(encoding="utf-8")
                assert text.count(old) == 1, f"{path} holds this {text.count(old)} times:\n{old}"
                path.write_text(text.replace(old, new), encoding="utf-8")

    @property
    def commands(self) -> list[list[str]]:
        """The words of every command, without `python`."""
        lines = [line for language, block in self.blocks if language == "bash" for line in block.splitlines()]
        return [shlex.split(line)[1:] for line in lines]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a run needs, with a few tunes in my/tunes.abc."""
    for name in ("musicgen", "conf"):
        # With the compiled files, which stay valid because their sources keep their times.
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "my").mkdir()
    write_tunebook(tmp_path).rename(tmp_path / "my" / "tunes.abc")
    return tmp_path


MY_TUNES = ["data=file", "data.path=my/tunes.abc", 'sampling.prompts=["X:"]']
"""Overrides for commands that would otherwise read a real corpus."""


def run(project: Path, command: list[str]) -> str:
    """Run the command in the project, and return what it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.slow
def test_a_metric_is_a_function_and_an_entry(project: Path) -> None:
    recipe = Recipe("A metric")
    recipe.apply(project)
    (evaluate,) = recipe.commands
    assert re.search(r"bars per tune: .*\d", run(project, evaluate))


@pytest.mark.slow
def test_a_cell_is_a_line(project: Path) -> None:
    recipe = Recipe("A cell")
    recipe.apply(project)
    (train,) = recipe.commands
    short = ["training.num_iterations=10", "training.validation_interval=10", "sampling.max_chars=60"]
    quiet = ["rendering=none", "rendering.plots=false", "tracker=none"]
    run_directory = project / run(project, [*train, *short, *quiet, *MY_TUNES]).splitlines()[-1]
    assert '"cell": "rnn"' in (run_directory / "run.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_corpus_is_a_file(project: Path) -> None:
    recipe = Recipe("A corpus")
    recipe.apply(project)
    evaluate, train = recipe.commands
    assert "bar rate: " in run(project, evaluate)
    assert "name: mine" in run(project, [*train, "--cfg", "job"])


def test_a_launcher_is_a_file(project: Path) -> None:
    recipe = Recipe("A launcher")
    recipe.apply(project)
    (show,) = recipe.commands
    printed = run(project, show)
    assert "SlurmLauncher" in printed and "partition: long" in printed and "timeout_min: 1440" in printed


@pytest.mark.slow
def test_a_study_is_a_file(project: Path) -> None:
    recipe = Recipe("A study")
    recipe.apply(project)
    plan = run(project, [*recipe.commands[0], *MY_TUNES])
    assert "embedding_size=" in plan and "9 runs" in plan


@pytest.mark.slow
def test_a_report_section_is_a_fact_and_two_templates(project: Path) -> None:
    recipe = Recipe("A report section")
    recipe.apply(project)
    (report,) = recipe.commands
    sweep = write_study(project / "study", seeds=1)
    run(project, [word.replace("SWEEP_DIR", str(sweep)) for word in report] + ["--pairs", "0", "--best", "0"])
    assert "## Corpora\n\nfile\n" in (sweep / "report" / "report.md").read_text(encoding="utf-8")
    assert '<h2 id="corpora-title">' in (sweep / "report" / "report.html").read_text(encoding="utf-8")
