"""Runs native code that untrusted files may crash in a separate process, which answers requests in turn.

Requests and answers are bytes, each preceded by its length in eight bytes.
"""

import contextlib
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from musicgen.system.files import scratch_file
from musicgen.system.limits import limit_process, starting_threads

_LENGTH_BYTES = 8
_MAX_ANSWER_BYTES = 2**30
_MAX_FILE_BYTES = 2**24
"""Limit of its messages; it writes no other file."""
_MAX_CPU_SECONDS = 24 * 3600
"""Only a backstop: callers have a timeout for each answer."""
_SECONDS_TO_END = 5.0


class IsolatedProgram:
    """A running Python program that reads requests on standard input and answers on standard output."""

    def __init__(self, program: Path, *arguments: str, memory_bytes: int) -> None:
        """Start the program. Raises OSError if the system cannot start it."""
        with contextlib.ExitStack() as on_failure:
            self._messages = on_failure.enter_context(scratch_file())
            self._process = on_failure.enter_context(
                subprocess.Popen(
                    # -P keeps the program's folder, whose modules have generic names, out of its import path.
                    [sys.executable, "-P", str(program), *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._messages,
                    # Ctrl-C must reach only the command; this program ends when its input does.
                    start_new_session=True,
                )
            )
            on_failure.callback(self._process.kill)
            limit_process(
                self._process.pid,
                memory_bytes=memory_bytes,
                cpu_seconds=_MAX_CPU_SECONDS,
                file_bytes=_MAX_FILE_BYTES,
            )
            assert self._process.stdin is not None and self._process.stdout is not None
            self._requests = self._process.stdin
            self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
            # A thread, because not every system supports waiting for a pipe with a timeout.
            self._listener = threading.Thread(
                target=_pass_on, args=(self._process.stdout, self._answers), daemon=True
            )
            with starting_threads():
                self._listener.start()
            on_failure.pop_all()

    def ask(self, request: bytes, timeout_seconds: float) -> bytes | None:
        """The answer; None if the program exited instead. Raises TimeoutError."""
        self._messages.seek(0)
        self._messages.truncate()
        # If the program has exited, its answer is None.
        with contextlib.suppress(BrokenPipeError):
            self._requests.write(len(request).to_bytes(_LENGTH_BYTES, "big") + request)
            self._requests.flush()
        try:
            return self._answers.get(timeout=timeout_seconds)
        except queue.Empty:
            raise TimeoutError from None

    def messages(self) -> list[str]:
        """The lines on standard error since the latest request."""
        self._messages.seek(0)
        return self._messages.read().decode("utf-8", errors="replace").splitlines()

    def end(self, patience_seconds: float = _SECONDS_TO_END) -> tuple[int, list[str]]:
        """End the program, and kill it after some seconds; returns its exit status and messages."""
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        try:
            status = self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._listener.join()
        messages = self.messages()
        self._messages.close()
        return status, messages


def _pass_on(answers: IO[bytes], to: "queue.SimpleQueue[bytes | None]") -> None:
    """Queue every complete answer, and None at the end."""
    with answers:
        while len(head := answers.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
            length = int.from_bytes(head, "big")
            answer = answers.read(length) if length <= _MAX_ANSWER_BYTES else b""
            if len(answer) < length:
                break
            to.put(answer)
    to.put(None)
