"""What `import musicgen` does and offers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import musicgen
import musicgen.api

COMMANDS = "import musicgen.train, musicgen.sample, musicgen.evaluate, musicgen.compare"
FUNCTIONS = "train = musicgen.train; assert train.__module__ == 'musicgen.api.training'"


def run_code(*lines: str, **environment: str) -> str:
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("chosen", "number"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_small_linear_algebra_gets_one_thread_by_default(
    chosen: dict[str, str], number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    code = "import musicgen.train, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    assert run_code(code, **chosen).split() == [number]


def test_the_import_is_fast_and_imports_nothing_heavy() -> None:
    seconds, loaded = run_code(
        "import sys, time; start = time.process_time()",
        "import musicgen; musicgen.load_run, musicgen.train, musicgen.sample",
        "print(time.process_time() - start)",
        "print(*{name.partition('.')[0] for name in sys.modules})",
    ).splitlines()
    assert float(seconds) < 0.2
    assert not {"torch", "pandas", "pydantic", "numpy", "hydra", "matplotlib"} & set(loaded.split())


@pytest.mark.parametrize(
    "lines",
    [
        ["import musicgen", FUNCTIONS, COMMANDS, FUNCTIONS],
        [COMMANDS, FUNCTIONS],
        [COMMANDS, "from musicgen import train", "assert train is musicgen.train", FUNCTIONS],
        [
            "from musicgen.train import main",
            "import musicgen",
            FUNCTIONS,
            "assert main.__module__ == 'musicgen.train'",
        ],
    ],
    ids=["functions first", "commands first", "from the package", "from the module"],
)
def test_functions_stay_functions_when_commands_are_imported(lines: list[str]) -> None:
    calls = "assert all(map(callable, (musicgen.sample, musicgen.evaluate, musicgen.compare)))"
    run_code(*lines, calls)


def test_every_public_name_is_there_and_documented() -> None:
    assert musicgen.__all__ == musicgen.api.__all__
    assert set(dir(musicgen)) == {*musicgen.__all__, "__version__"}
    assert [name for name in musicgen.__all__ if not getattr(musicgen, name).__doc__] == []
    with pytest.raises(AttributeError, match="has no attribute 'tarin'"):
        _ = musicgen.tarin  # pyright: ignore[reportAttributeAccessIssue]


def test_no_public_name_hides_a_room() -> None:
    """Hydra finds musicgen.sweep.launcher by the attributes of the package."""
    rooms = {path.name for path in Path(musicgen.api.__file__).parents[1].iterdir() if path.is_dir()}
    assert rooms >= {"sweep", "training"} and not rooms & set(musicgen.__all__)
