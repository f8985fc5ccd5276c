import subprocess
import sys
from pathlib import Path

import pytest

_LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

_PROGRAM = """
import torch
from musicgen.engine.computing import computing_on

def kilobytes(name):
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

with computing_on(1):
    before = kilobytes("Rss")
    tensors = [torch.ones(250_000) for _ in range(64)]
    print(kilobytes("AnonHugePages"), kilobytes("Rss") - before)
    del tensors
    print(kilobytes("Rss") - before)
"""


@pytest.mark.skipif(
    not _LARGE_PAGES.exists() or "[never]" in _LARGE_PAGES.read_text(),
    reason="this system has no large pages",
)
def test_tensors_use_large_pages_and_their_memory_is_kept() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    large, taken, kept = map(int, done.stdout.split())
    size = 64 * 1000  # kilobytes of the tensors
    assert large > 0.5 * size
    assert size * 0.9 < taken < size * 1.2
    assert kept > 0.9 * size
