import subprocess
import sys

import pytest

from musicgen.sweep.fork_server import PRELOADED

WITHOUT_CUDA = """
import importlib, sys
import torch

def refuse(*_):
    raise SystemExit("CUDA is started in the process that jobs are forked from")

torch.cuda.is_available = torch.cuda.device_count = torch.cuda._lazy_init = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.mark.slow
def test_jobs_are_forked_from_a_process_without_cuda() -> None:
    # CUDA cannot be used in a fork of a process that has asked for it, even whether it is there.
    command = [sys.executable, "-c", WITHOUT_CUDA, *PRELOADED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
