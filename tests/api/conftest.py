"""A folder as in the examples: outputs/run, a real run; outputs/sweep, a written study; my-tunes.abc."""

from pathlib import Path

import pytest

import musicgen
from tests import commands
from tests.commands import TINY, last_line
from tests.reporting.written_study import write_study
from tests.soak.commands import write_tunebook


def tiny(place: Path) -> list[str]:
    """Overrides of a run that takes seconds."""
    return [
        *TINY,
        f"data.path={place / 'my-tunes.abc'}",
        f"paths.outputs={place / 'outputs'}",
        *("tracker=none", "rendering.num_tunes=1", "rendering.plots=false"),
        # Without a plan every tune begins with the notes of the prompt, so that it can be played.
        "model.form_plan=false",
    ]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_tunebook(folder).rename(folder / "my-tunes.abc")
    write_study(folder / "outputs" / "sweep")
    # A fork has the imports already; test_examples trains with musicgen.train.
    run = folder / "outputs" / "run"
    assert last_line(commands.run("train", *tiny(folder), f"hydra.run.dir={run}")) == run
    return folder


@pytest.fixture
def run(place: Path) -> musicgen.Run:
    return musicgen.load_run(place / "outputs" / "run")
