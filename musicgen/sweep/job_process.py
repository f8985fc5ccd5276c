"""The process of one job, as the launcher sees it; worker.py runs inside it."""

import contextlib
import os
import re
import signal
import tempfile
import time
from pathlib import Path

from musicgen.sweep.exhaustion import count_memory_kills, mentions_exhaustion
from musicgen.sweep.fork_server import context
from musicgen.sweep.worker import SECONDS_TO_END, Ending, Job, kill_group, work
from musicgen.system.files import remove_file
from musicgen.training.progress import Progress

_TERMINAL_COMMAND = re.compile(r"\x1b\[[0-9;?]*[@-~]")
_MAX_CHARS_OF_LAST_LINE = 200
_BYTES_READ_FOR_LAST_LINE = 4096


class JobProcess:
    """A running job."""

    def __init__(self, job: Job) -> None:
        """Start it; raises OSError or EOFError if the system has no process for it."""
        # The job removes the file's name once it has opened it; this process keeps reading it.
        descriptor, path = tempfile.mkstemp(prefix="musicgen-job-")
        self._output = os.fdopen(descriptor, "rb")
        self._ending: Ending | None = None
        self._ended_at = float("inf")
        self._can_be_interrupted = self._is_interrupted = False
        self._memory_kills = count_memory_kills()
        self.is_over = False
        """Whether its process is gone, which the end of the pipe shows. multiprocessing would take all
        processes for dead once their server is, as after a SIGTERM to the whole process group."""
        try:
            self._start(job, Path(path))
        except BaseException:
            remove_file(Path(path))
            self._output.close()
            raise

    def _start(self, job: Job, output: Path) -> None:
        self.connection, sender = context.Pipe(duplex=False)
        with sender, contextlib.ExitStack() as on_failure:
            on_failure.enter_context(self.connection)
            self._process = context.Process(target=work, args=(job, output, sender))
            self._process.start()
            on_failure.pop_all()
        assert self._process.pid is not None
        self._pid = self._process.pid

    def receive(self) -> Progress | None:
        """Read everything that the job has sent since; returns its latest progress."""
        latest = None
        try:
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Ending):
                    self._ending, self._ended_at = message, time.monotonic()
                else:
                    latest = message
                # Its signal handlers are installed by now.
                self._can_be_interrupted = True
        except (EOFError, OSError):
            # OSError if the process died in the middle of a message.
            self._process.join(SECONDS_TO_END)
            self.is_over = True
        if time.monotonic() - self._ended_at > SECONDS_TO_END:
            self.kill()
        return latest

    def interrupt(self) -> None:
        """Ask it to save and end. Further calls do nothing: a second signal would end it unsaved."""
        if self._can_be_interrupted and not self._is_interrupted:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)
            self._is_interrupted = True

    def kill(self) -> None:
        """End it and everything it has started, at once."""
        if not self.is_over:
            kill_group(self._pid)

    def ending(self) -> Ending:
        """How it ended, as it reported or as its process shows."""
        return self._ending or self._describe_death()

    def close(self) -> None:
        """Close its files."""
        self.connection.close()
        self._output.close()

    def _describe_death(self) -> Ending:
        status = self._process.exitcode
        is_killed = status == -signal.SIGKILL and count_memory_kills() > self._memory_kills
        if status is not None and status < 0:
            name = next((f" ({known.name})" for known in signal.Signals if known == -status), "")
            line = f"killed by signal {-status}{name}"
        else:
            line = f"exit status {status}"
        last_line = self._last_line()
        if last_line:
            line = f'{line}; last line printed: "{last_line}"'
        return Ending(error=line, is_exhaustion=is_killed or mentions_exhaustion(last_line))

    def _last_line(self) -> str:
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _BYTES_READ_FOR_LAST_LINE))
        lines = self._output.read().decode("utf-8", errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        # A job may print anything, including commands to the terminal.
        last = "".join(filter(str.isprintable, _TERMINAL_COMMAND.sub("", last)))
        return last[:_MAX_CHARS_OF_LAST_LINE]
