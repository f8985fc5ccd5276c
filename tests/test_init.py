"""What importing the package does to the process."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("chosen", "number"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_small_linear_algebra_gets_one_thread_by_default(chosen: dict[str, str], number: str) -> None:
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    code = "import musicgen.train, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**own, **chosen}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [number]
