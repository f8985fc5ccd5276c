"""The examples of docstrings and of docs/python.md do what they say."""

import doctest
import re
from pathlib import Path

import pytest

import musicgen
from tests.api.conftest import tiny

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
TRAINING = {"train", "train_sweep"}
"""Their examples are on the page."""


@pytest.mark.parametrize("name", sorted(set(musicgen.__all__) - TRAINING))
def test_docstring_examples_are_true(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [test for test in finder.find(getattr(musicgen, name), name) if test.examples]
    runner, said = doctest.DocTestRunner(), []
    for example in examples:
        example.globs = {"musicgen": musicgen}
        runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize(
    "name", ["compare", "evaluate", "judge", "load_run", "load_runs", "measure", "sample"]
)
def test_every_function_has_an_example(name: str) -> None:
    assert f"musicgen.{name}(" in (getattr(musicgen, name).__doc__ or "")


@pytest.mark.slow
def test_the_page_can_be_executed_from_top_to_bottom(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    code = "\n".join(blocks)
    assert all(f"musicgen.{name}(" in code for name in TRAINING)
    # So few iterations that it takes seconds.
    code = code.replace('"experiment=smoke"', ", ".join(map(repr, tiny(place)))).replace(
        '"oneills"', '"my-tunes.abc"'
    )
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert isinstance(names["run"], musicgen.Run)
