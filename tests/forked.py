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
from contextlib import suppress
from functools import cache
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any, NoReturn

from tests.soak.forked_commands import import_all, run_module

MAX_SECONDS = 900.0


def run_forked(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m <module>` to its end, in this folder and environment."""
    with tempfile.TemporaryDirectory(prefix="forked-") as folder:
        out, err = (f"{folder}/{name}" for name in ("out", "err"))
        status = _ask(module, arguments, out, err)
        printed = [Path(path).read_text("utf-8", errors="replace") for path in (out, err)]
    return subprocess.CompletedProcess([module, *arguments], status, *printed)


class ForkedCommand:
    """A running command, with the part of subprocess.Popen that tests use. It leads a process group."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start `python -m <module>`, in this folder and environment; its lines can be read at once."""
        # Nameless, since a command that is killed removes no file.
        files = [tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") for _ in range(3)]  # noqa: SIM115
        self.pid = _ask(module, arguments, *(f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in files))
        self.stdin, (self.stdout, self.stderr, self._status) = None, files
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, minus the number of a signal that ended it; None while it runs."""
        if self.returncode is None:
            self._status.seek(0)
            text = self._status.read()
            if text.endswith("\n"):
                self.returncode = int(text)
                self._status.close()
        return self.returncode

    def wait(self, timeout: float = MAX_SECONDS) -> int:
        """Wait for the end; returns the exit status. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout)
            time.sleep(0.005)
        return status

    def communicate(self, timeout: float = MAX_SECONDS) -> tuple[str, str]:
        """Wait for the end; returns what nobody has read yet of what it printed."""
        self.wait(timeout)
        with self.stdout, self.stderr:
            return self.stdout.read(), self.stderr.read()

    def send_signal(self, number: int) -> None:
        """Send the command a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the command at once."""
        with suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)


def _ask(module: str, arguments: Sequence[str], out: str, err: str, status: str | None = None) -> int:
    """Let the server run a command; returns its exit status; with a file for that, its pid at once."""
    request = {"module": module, "arguments": arguments, "folder": str(Path.cwd()), "out": out, "err": err}
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps(request | {"status": status, "environment": dict(os.environ)}) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    assert answer, f"the server of commands ended with {server.wait()}"
    return int(answer)


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
        if request["status"] is not None:
            print(_start_watched(request), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _become(request)
        print(_wait(pid), flush=True)


def _start_watched(request: dict[str, Any]) -> int:
    """Start a command and a process that writes its exit status to the file; returns the command's pid."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            """Forget the watching processes that have ended."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        status_file = os.open(request["status"], os.O_WRONLY)
        pid = os.fork()
        if pid == 0:
            os.close(status_file)
            _become(request)
        os.write(writer, f"{pid}\n".encode())
        os.close(writer)
        # The pipes are the server's.
        for standard in (0, 1):
            os.close(standard)
        _, status = os.waitpid(pid, 0)
        os.write(status_file, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as file:
        return int(file.readline())


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
        files = [os.devnull, request["out"], request["err"]]
        for standard, path in enumerate(files):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if standard else os.O_RDONLY
            descriptor = os.open(path, flags)
            os.dup2(descriptor, standard)
            os.close(descriptor)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
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
            modules = forkserver._forkserver._preload_modules  # type: ignore[attr-defined]
            # Of these, only Comet takes time here.
            needed = [name for name in modules if name != "comet_ml" or "tracker=none" not in sys.argv]
            message = {"environment": dict(os.environ), "folder": str(Path.cwd()), "modules": needed}
            socket.send_fds(ours, [b"."], list(descriptors))
            ours.sendall(json.dumps(message).encode())
        return pid

    util.spawnv_passfds = start  # type: ignore[assignment]


def _serve_jobs(command: socket.socket) -> NoReturn:
    """Wait for the command to need its fork server, and be that until the command ends."""
    # As musicgen's fork server starts; a Ctrl-C before that is not for this process either.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        _, descriptors, _, _ = socket.recv_fds(command, 1, 2)
        if descriptors:
            with command, command.makefile(encoding="utf-8") as file:
                request = json.load(file)
            os.environ.clear()
            os.environ.update(request["environment"])
            os.chdir(request["folder"])
            listener, alive = descriptors
            forkserver.main(listener, alive, request["modules"])
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve()
