"""Runs commands as forks of a server that has already imported what they need: most of a tiny run is imports.

From its first line on, a command does what `python -m` does. The fork server of a sweep is a fork as well.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from functools import cache
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any, NoReturn

from musicgen.sweep.fork_server import PRELOADED
from tests.soak.forked_commands import import_all, run_module

MAX_SECONDS = 900.0


def run_forked(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m <module>` to its end, in this folder and environment."""
    with tempfile.TemporaryDirectory(prefix="forked-") as folder:
        request = {"module": module, "arguments": arguments, "folder": str(Path.cwd()), "printed": folder}
        server = _server()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(request | {"environment": dict(os.environ)}) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, f"the server of commands ended with {server.wait()}"
        printed = [(Path(folder) / name).read_text("utf-8", errors="replace") for name in ("out", "err")]
    return subprocess.CompletedProcess([module, *arguments], int(answer), *printed)


@cache
def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.forked"]
    pipe = subprocess.PIPE
    root = Path(__file__).parent.parent
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root, start_new_session=True)

    def close() -> None:
        process.terminate()
        process.communicate()

    atexit.register(close)
    return process


def _serve() -> None:
    import_all()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request)
        print(_wait(pid), flush=True)


def _wait(pid: int) -> int:
    """Wait for a command and return its exit status; kill it when it takes too long or the server ends."""
    deadline = time.monotonic() + MAX_SECONDS
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        raise TimeoutError(f"a command took more than {MAX_SECONDS} s")
    finally:
        if pid:
            os.killpg(pid, signal.SIGKILL)


def _become(request: dict[str, Any]) -> NoReturn:
    """Be the command until the process ends."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        files = [os.devnull, *(f"{request['printed']}/{name}" for name in ("out", "err"))]
        for standard, path in enumerate(files):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if standard else os.O_RDONLY
            descriptor = os.open(path, flags)
            os.dup2(descriptor, standard)
            os.close(descriptor)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        if "--multirun" in request["arguments"]:
            _fork_the_fork_server()
        status = run_module(request["module"], request["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        # Threads and children end as they do at the end of an interpreter.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        os._exit(status)


def _fork_the_fork_server() -> None:
    """Let multiprocessing start its fork server as a fork of this process, which has the imports, not as a
    new interpreter. The fork is made now, before the command changes anything, and waits until it is needed.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve_jobs(theirs)
    theirs.close()
    spawn = util.spawnv_passfds

    def start(path: bytes, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
        # A second server, or the tracker of resources, is a new interpreter.
        if ours.fileno() < 0 or "multiprocessing.forkserver" not in arguments[-1]:
            return spawn(path, arguments, descriptors)
        with ours:
            message = json.dumps({"environment": dict(os.environ), "folder": str(Path.cwd())})
            socket.send_fds(ours, [b"."], list(descriptors))
            ours.sendall(message.encode())
        return pid

    util.spawnv_passfds = start  # type: ignore[assignment]


def _serve_jobs(command: socket.socket) -> NoReturn:
    """Wait for the command to need its fork server, and be that until the command ends."""
    try:
        _, descriptors, _, _ = socket.recv_fds(command, 1, 2)
        if descriptors:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            with command, command.makefile(encoding="utf-8") as file:
                request = json.load(file)
            os.environ.clear()
            os.environ.update(request["environment"])
            os.chdir(request["folder"])
            listener, alive = descriptors
            forkserver.main(listener, alive, PRELOADED)
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve()
