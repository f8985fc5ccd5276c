"""Commands work, or say in one line why not, in whatever environment they are started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import MAX_WAIT_SECONDS

ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
PRINT_ARROW = r"print('\u2190 \u00fc')"


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    program = f"import sys\nfrom musicgen.system import commands\ndef main():\n    {code}\n    return 0\n"
    call = "sys.exit(commands.in_settled_environment(main))"
    return subprocess.run(
        [sys.executable, "-c", program + call, *arguments],
        capture_output=True,
        env=os.environ | environment,
        timeout=MAX_WAIT_SECONDS,
    )


@pytest.mark.parametrize("environment", ENCODINGS)
def test_any_text_can_be_printed(environment: dict[str, str]) -> None:
    done = python(PRINT_ARROW, **environment)
    assert done.returncode == 0 and done.stdout.startswith(b"\\u2190") and not done.stderr


def test_a_notebook_backend_is_replaced() -> None:
    done = python("import matplotlib.pyplot", MPLBACKEND="module://nobody.has.this")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_left_is_no_error(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        "from musicgen.system import environment; environment.settle_environment(); "
        "print('x' * 9999); print('y')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        timeout=MAX_WAIT_SECONDS,
    )
    os.close(writer)
    assert done.returncode == 0 and not done.stderr


def test_a_closed_stdout_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    code = (
        "from musicgen.system import environment; environment.settle_environment(); "
        f"file = open({str(tmp_path / 'file')!r}, 'w'); print('for nobody', flush=True); file.close()"
    )
    shell = f'exec {sys.executable} -c "$0" >&- 2>&-'
    assert subprocess.run(["bash", "-c", shell, code], timeout=MAX_WAIT_SECONDS).returncode == 0
    assert (tmp_path / "file").read_text() == ""


def test_a_name_with_invalid_bytes_is_one_line() -> None:
    done = python("pass", os.fsdecode(b"lat\xfcn.abc"))
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and b"rename it" in done.stderr


def test_a_deleted_current_folder_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = f'cd {gone} && rmdir {gone} && exec {sys.executable} -c "$0"'
    code = "import sys, musicgen.system.commands as it; sys.exit(it.in_settled_environment(lambda: 0))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["bash", "-c", shell, code], capture_output=True, env=environment, timeout=MAX_WAIT_SECONDS
    )
    assert done.returncode == 1 and b"no longer exists" in done.stderr


@pytest.mark.parametrize(
    "module",
    ["train", "sample", "evaluate", "compare", "report", "listen", "play", "note", "store", "upload"],
)
def test_every_command_settles_its_environment(module: str) -> None:
    source = Path(__file__).parents[2].joinpath("musicgen", f"{module}.py").read_text(encoding="utf-8")
    assert source.rstrip().endswith("sys.exit(in_settled_environment(main))")
