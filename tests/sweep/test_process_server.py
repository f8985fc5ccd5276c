"""The server of processes waits for one word before it forks."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")

PROGRAM = """
import sys
from musicgen.sweep.process_server import ask, ask_where_it_is_warm, tell, warm_up
from tests.sweep.hearing import what_was_heard
if __name__ == "__main__":
    tell("before there is a server, nobody hears")
    warm_up(["tests.sweep.hearing"])
    {told}
    print(ask(what_was_heard), ask_where_it_is_warm(what_was_heard), flush=True)
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the program keeps its sockets, whose names may not be long."""
    with tempfile.TemporaryDirectory(prefix="musicgen-") as folder:
        yield Path(folder)


def start(folder: Path, temporary: Path, told: str) -> subprocess.Popen[str]:
    program = folder / "program.py"
    program.write_text(PROGRAM.format(told=told))
    environment = {"TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        ("tell('first'); tell('second')", "first first"),
        ("warm_up(['tests.sweep.hearing']); tell('once')", "once once"),
        ("", " "),
    ],
)
def test_it_hears_the_first_word_and_whoever_asks_without_one_waits_for_nothing(
    tmp_path: Path, temporary: Path, told: str, heard: str
) -> None:
    process = start(tmp_path, temporary, told)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, heard + "\n")
    assert list(temporary.iterdir()) == []


def test_it_ends_with_whoever_never_tells_it_anything(tmp_path: Path, temporary: Path) -> None:
    told = "import time; print('warm', flush=True); time.sleep(60)"
    with start(tmp_path, temporary, told) as process:
        assert process.stdout is not None and process.stdout.readline() == "warm\n"
        deadline = time.monotonic() + 30
        while not (servers := psutil.Process(process.pid).children()):
            assert time.monotonic() < deadline
        process.kill()
    assert psutil.wait_procs(servers, timeout=30)[1] == []
