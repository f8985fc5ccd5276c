"""How mutants are drawn, made, told apart and tried; one of each kind of ending goes through the command."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.soak.mutants import main, read_results, share
from tests.soak.mutating.modules import ROOT, TESTED_BY, mirrors_of
from tests.soak.mutating.places import Mutant, draw, mutated
from tests.soak.mutating.trial import changed

pytest.importorskip("cosmic_ray", reason="cosmic-ray, which makes the mutants, is not installed")

MODULES = {
    "small.py": "def one(a: int | None) -> int | None:\n    return a\n\n\nLIMIT = 3\n",
    "large.py": "".join(f"def f{n}(a, *, b):\n    return a + {n} < b\n\n\n" for n in range(10)),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two modules, of 1 and 30 places: a number; and ten times a +, a number and a comparison."""
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_every_part_of_the_order_is_spread_in_proportion_and_no_place_comes_twice(root: Path) -> None:
    whole = draw(root, list(MODULES), 31, seed=0)
    assert len({(one.module, one.line, one.column) for one in whole}) == len(whole) == 31
    assert draw(root, list(MODULES), 10, seed=0) == whole[:10]
    assert draw(root, list(MODULES), 5, seed=0, skip=10) == whole[10:15]
    assert draw(root, list(MODULES), 10, seed=1) != whole[:10]
    assert Counter(one.module for one in whole) == {"large.py": 30, "small.py": 1}
    # The one place of the small module stands in the middle of the order.
    assert [one.module for one in whole].index("small.py") == 15
    assert len(draw(root, list(MODULES), 99, seed=0)) == 31


def test_a_mutant_is_one_change_of_the_text_and_types_stay(root: Path) -> None:
    for one in draw(root, list(MODULES), 31, seed=0):
        text = mutated(root, one)
        before = MODULES[one.module].splitlines()
        different = [line for line, old in zip(text.splitlines(), before, strict=True) if line != old]
        assert len(different) == 1 and not different[0].startswith("def")
        compile(text, one.module, "exec")


def test_an_exception_that_nobody_raises_exists(root: Path) -> None:
    text = "def f():\n    try:\n        int('x')\n    except ValueError:\n        pass\n"
    (root / "small.py").write_text(text, encoding="utf-8")
    (one,) = [one for one in draw(root, ["small.py"], 9, seed=0) if one.operator == "ExceptionReplacer"]
    names: dict[str, Any] = {}
    exec(mutated(root, one), names)
    with pytest.raises(ValueError, match="invalid literal"):
        names["f"]()


def test_a_changed_module_is_the_old_one_afterwards_and_no_bytecode_fits_it_meanwhile(root: Path) -> None:
    path = root / "small.py"
    before = path.stat()
    with changed(path, "LIMIT = 4\n"):
        assert path.read_text(encoding="utf-8") == "LIMIT = 4\n"
        assert int(path.stat().st_mtime) != int(before.st_mtime)
    assert path.read_text(encoding="utf-8") == MODULES["small.py"]
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_share_is_told_of_the_first_and_of_the_latest_trial(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    assert read_results(path) == {}
    path.write_text(
        "mutant,verdict,seconds,test\na,survived,1,\nb,killed,1,t\na,killed,1,t\nc,timed out,9,\n"
    )
    history = read_results(path)
    assert history == {"a": ["survived", "killed"], "b": ["killed"], "c": ["timed out"]}
    tried = {Mutant("m", name, 0, 1, 0): verdicts for name, verdicts in history.items()}
    assert (share(tried, 0), share(tried, -1)) == (2 / 3, 1)


def test_every_module_has_tests_and_no_test_is_misnamed() -> None:
    for group in TESTED_BY.values():
        for module, names in group.items():
            assert (ROOT / module).is_file()
            assert mirrors_of(module) == [f"tests/{name}.py" for name in names]


def test_known_results_are_told_without_a_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = "musicgen/records/criteria.py"
    options = ["--sample", "4", "--module", module, "--results", str(tmp_path / "results.csv")]
    mutants = draw(ROOT, [module], 4, seed=0)
    verdicts = ["killed", "timed out", "killed", "survived"]
    lines = [f"{one.key},{verdict},1.0,t" for one, verdict in zip(mutants, verdicts, strict=True)]
    (tmp_path / "results.csv").write_text("\n".join(["mutant,verdict,seconds,test", *lines]) + "\n")
    assert main([*options, "--least", "0.75"]) == 0
    assert "4 mutants, 75.0% noticed (before: 75.0%)" in capsys.readouterr().out
    assert main([*options, "--least", "0.76"]) == 1
    capsys.readouterr()
    assert main([*options, "--survivors"]) == 0
    told = capsys.readouterr().out
    assert mutants[3].key in told and "\n-" in told and "\n+" in told and mutants[0].key not in told


@pytest.mark.slow
def test_a_mutant_that_the_tests_notice_is_killed_by_one_of_them(tmp_path: Path) -> None:
    """In processes of their own, since the process that draws forks its trials."""
    module = "musicgen/records/criteria.py"
    results = tmp_path / "results.csv"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.soak.mutants",
            "--sample",
            "1",
            "--module",
            module,
            "--results",
            results,
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 mutants, 100.0% noticed" in done.stdout
    (row,) = results.read_text().splitlines()[1:]
    assert ",killed," in row and "tests/study/test_criteria.py::" in row
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]
