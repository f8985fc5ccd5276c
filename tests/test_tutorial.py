"""docs/tutorial.ipynb runs from top to bottom, and shows what it gives."""

import ast
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from musicgen.config import NAMES_ELSEWHERE, compose_config
from musicgen.errors import how_to_install

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
MAX_BYTES = 1_000_000
"""So that a code host shows the notebook."""
SWEEP = r"\"seed=0,1,2\"\n"
"""The end of the call whose nine runs take longer than all other cells, as the notebook's file has it."""
SHORT = ("training.num_iterations=60", "training.validation_interval=20", "rendering=none")
Cell = dict[str, Any]


def cells(path: Path, kind: str) -> list[Cell]:
    book = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in book["cells"] if cell["cell_type"] == kind]


def words() -> str:
    """The prose of the notebook."""
    return "\n\n".join("".join(cell["source"]) for cell in cells(TUTORIAL, "markdown"))


def shown(cell: Cell) -> set[str]:
    """What a cell shows: names of streams and of media types."""
    return {kind for output in cell["outputs"] for kind in output.get("data", [output.get("name", "error")])}


@pytest.mark.slow
def test_the_tutorial_runs_and_shows_what_it_is_committed_with(tmp_path: Path) -> None:
    for package in ("nbconvert", "ipykernel"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is missing: {how_to_install('docs')}")
    text = TUTORIAL.read_text(encoding="utf-8")
    assert text.count(SWEEP) == 1
    short = "".join(rf", \"{override}\"" for override in (*SHORT, "evaluation.num_reference_splits=2"))
    copy = tmp_path / TUTORIAL.name
    # The sweep of the copy trains less and renders no tune; the cells after it show the same kinds of things.
    copy.write_text(text.replace(SWEEP, SWEEP.replace(r",2\"\n", rf"\"{short}\n")), encoding="utf-8")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(copy)]
    own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    jupyter = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    own |= {name: str(tmp_path / "jupyter") for name in jupyter}
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    executed, committed = cells(copy, "code"), cells(TUTORIAL, "code")
    assert [shown(cell) for cell in executed] == [shown(cell) for cell in committed]
    for cell in executed:
        assert "Traceback" not in json.dumps(cell["outputs"])


def test_committed_outputs_come_from_one_execution() -> None:
    code = cells(TUTORIAL, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert TUTORIAL.stat().st_size < MAX_BYTES
    texts = [
        "".join(output.get("text", output.get("data", {}).get("text/plain", [])))
        for cell in code
        for output in cell["outputs"]
    ]
    # Neither paths of the machine that executed it, nor movements of a cursor.
    assert [
        text for text in texts if re.search(r"(?<![\w.<:/])/(?!tmp/musicgen-)\w+/|\x1b\[\d*[A-K]", text)
    ] == []


def test_names_of_the_course_have_the_values_of_the_lab() -> None:
    config = compose_config(["experiment=lab", "data=irish"]).as_dict()
    rows = re.findall(r"^\| (`.+) \| (`.+) \| `(.+)` \|$", words(), re.MULTILINE)
    assert len(rows) == 8
    for lab, here, value in rows:
        place = re.findall(r"`([\w.]+)`", here)[0]
        group, field = place.split(".")
        part = config[group]
        assert isinstance(part, dict) and part[field] == ast.literal_eval(value)
        for name in re.findall(r"`(\w+)`", lab):
            assert NAMES_ELSEWHERE.get(name, place if name == field else None) == place


def test_links_of_the_tutorial_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)\s#]+)", words()) if "://" not in link]
    assert len(links) > 4
    assert [link for link in links if not (TUTORIAL.parent / link).exists()] == []
