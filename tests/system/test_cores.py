"""Work by forked processes gives what one process gives."""

import errno
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from musicgen.system import cores
from musicgen.system.cores import map_forked

forks = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "num_cores", lambda: 2)
    # A browser of other tests may have threads in this process, with which it would not fork.
    monkeypatch.setattr(threading, "active_count", lambda: 1)


@forks
def test_other_processes_work_and_results_keep_their_order() -> None:
    factor = 3
    results = map_forked(lambda number: (factor * number, os.getpid()), range(20))
    assert [number for number, _ in results] == [factor * number for number in range(20)]
    assert os.getpid() not in {process for _, process in results}


@pytest.mark.parametrize("what", ["threads", "one core", "one item", "no item"])
def test_this_process_works_where_it_should_not_fork(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if what == "threads":
        monkeypatch.setattr(threading, "active_count", lambda: 2)
    if what == "one core":
        monkeypatch.setattr(cores, "num_cores", lambda: 1)
    items = range({"one item": 1, "no item": 0}.get(what, 3))
    assert map_forked(lambda _item: os.getpid(), items) == [os.getpid()] * len(items)


WAITS_FOR_PROCESSES = """
import os, time
from musicgen.system import cores
cores.num_cores = lambda: 2
# Each line in one call, since print writes the end of its line by another.
cores.map_forked(lambda _item: (os.write(1, b"%d\\n" % os.getpid()), time.sleep(0.5)), range(2))
"""


@forks
def test_forked_processes_end_when_this_one_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS_FOR_PROCESSES], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        processes = [int(killed.stdout.readline()) for _ in range(2)]
        killed.kill()
    deadline = time.monotonic() + 60
    while any(map(psutil.pid_exists, processes)):
        assert time.monotonic() < deadline, "a process outlived the one that it worked for"
        time.sleep(0.05)


@forks
def test_an_error_of_a_forked_process_is_raised_here() -> None:
    def fail(_item: int) -> None:
        raise OSError(errno.ENOSPC, f"{os.getpid()} has no room")

    with pytest.raises(OSError, match="has no room") as raised:
        map_forked(fail, range(2))
    assert raised.value.errno == errno.ENOSPC and str(os.getpid()) not in str(raised.value)
