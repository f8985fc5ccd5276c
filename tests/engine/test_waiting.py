import subprocess
import sys

import pytest

_PROGRAM = """
import os, sys, time
import torch
from musicgen.engine.waiting import patient_waits

# All threads of this process share one core.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
torch.set_num_threads(2)
left, right = torch.rand(300, 300), torch.rand(300, 300)
num_threads = lambda: len(os.listdir("/proc/self/task"))

def until(is_reached, work):
    end = time.monotonic() + 60
    while not is_reached():
        assert time.monotonic() < end, "not within a minute"
        work()

left @ right
alone = num_threads()
with patient_waits():
    # The watch, then the crowd's own thread and the others of its team.
    until(lambda: num_threads() >= alone + 2, lambda: left @ right)
    until(lambda: num_threads() <= alone + 1, lambda: time.sleep(0.05))
    print("both")
until(lambda: num_threads() == alone, lambda: time.sleep(0.05))
print("none left")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_idle_team_stands_by_only_while_threads_wait_for_cores() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["both", "none left"], done.stderr
