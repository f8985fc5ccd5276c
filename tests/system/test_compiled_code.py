import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from musicgen.system.compiled_code import compiled
from musicgen.system.kept_code import CodeFiles

SOURCE = """
def doubled(values):
    for place in range(len(values)):
        values[place] *= 2
"""


def test_code_that_cannot_be_cached_is_still_compiled() -> None:
    """Code without a file has no place for its machine code, as an installation that nobody may write to."""
    names: dict = {}
    exec(SOURCE, names)
    function = compiled()(names["doubled"])
    assert isinstance(function, CPUDispatcher)
    values = np.arange(3)
    function(values)
    assert values.tolist() == [0, 2, 4]
    assert function.signatures


def keep(folder: Path, own: int, start: Any) -> None:
    """Compile for one type of argument in this process, for each version of the source in turn."""
    for version in range(ROUNDS):
        start.wait()
        CodeFiles(str(folder), "function", version).save(("arguments", own), f"code {own} of {version}")


ROUNDS, PROCESSES = 25, 8


def test_parallel_compilers_never_load_code_for_other_types(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(PROCESSES)
    processes = [context.Process(target=keep, args=(tmp_path, own, start)) for own in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    for version in range(ROUNDS):
        files = CodeFiles(str(tmp_path), "function", version)
        found = [files.load(("arguments", own)) for own in range(PROCESSES)]
        assert found == [f"code {own} of {version}" for own in range(PROCESSES)]
    assert CodeFiles(str(tmp_path), "function", ROUNDS).load(("arguments", 0)) is None


def test_damaged_code_is_not_run(tmp_path: Path) -> None:
    files = CodeFiles(str(tmp_path), "function", "source")
    files.save("arguments", "code")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:20], whole[:-1], whole[:-3] + b"x" + whole[-2:]):
        path.write_bytes(damaged)
        assert files.load("arguments") is None
    files.save("arguments", "code")
    assert files.load("arguments") == "code"


def test_another_process_finds_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pip install` leaves it: compiled at the first call in one process, read in the next one."""
    module = tmp_path / "doubling.py"
    module.write_text(f"from musicgen.system.compiled_code import compiled\n\n@compiled(){SOURCE}")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    code = (
        "import numpy, doubling\n"
        "doubling.doubled(numpy.arange(3)); doubling.doubled(numpy.arange(3.0))\n"
        "print(sum(doubling.doubled.stats.cache_hits.values()))"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    hits = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert hits == ["0", "2"]
    assert len(list((tmp_path / "kept").rglob("*.nbc"))) == 2


def test_code_is_recompiled_when_a_used_module_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    used, user = tmp_path / "used.py", tmp_path / "user.py"
    user.write_text(
        "import used\nfrom musicgen.system.compiled_code import compiled\n\n"
        "@compiled(uses=(used,))\ndef doubled():\n    return 2 * used.number()\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    for number in (1, 22):
        used.write_text(
            "from musicgen.system.compiled_code import compiled\n\n"
            f"@compiled()\ndef number():\n    return {number}\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", "import user; print(user.doubled())"],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        assert done.stdout.strip() == str(2 * number)
