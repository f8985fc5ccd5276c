"""One job of a sweep in a process of its own, seen from outside: see worker.py for the inside."""

import contextlib
import os
import re
import signal
import tempfile
import time
from pathlib import Path

from musicgen.sweep.exhaustion import count_memory_kills, tells_exhaustion
from musicgen.sweep.fork_server import context
from musicgen.sweep.worker import SECONDS_TO_END, Ending, Job, kill_group, work
from musicgen.system.files import remove_file
from musicgen.training.progress import Progress

_TERMINAL_COMMAND = re.compile(r"\x1b\[[0-9;?]*[@-~]")
_LONGEST_LAST_WORDS = 200
_BYTES_OF_LAST_WORDS = 4096


class JobProcess:
    """A job under way."""

    def __init__(self, job: Job) -> None:
        """Start it; raises OSError or EOFError where no process can be started."""
        # Its name is gone as soon as the job has opened it; this process goes on reading it.
        descriptor, path = tempfile.mkstemp(prefix="musicgen-job-")
        self._output = os.fdopen(descriptor, "rb")
        self.connection, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(job, Path(path), sender))
        self._ending: Ending | None = None
        self._ended_at = float("inf")
        self._can_be_asked = self._is_asked = False
        self._memory_kills = count_memory_kills()
        self.is_over = False
        """Whether its process is gone. The end of the pipe tells it, and not multiprocessing, which takes all
        processes for dead when their server is, as after a SIGTERM to the whole process group."""
        try:
            self._process.start()
        except (OSError, EOFError):
            remove_file(Path(path))
            self.close()
            raise
        finally:
            sender.close()
        assert self._process.pid is not None
        self._pid = self._process.pid

    def hear(self) -> Progress | None:
        """Take in everything that the job has said since; returns the newest of where it stands."""
        newest = None
        try:
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Ending):
                    self._ending, self._ended_at = message, time.monotonic()
                else:
                    newest = message
                # From now on a signal finds it ready.
                self._can_be_asked = True
        except (EOFError, OSError):
            # OSError where the process died in the middle of a message.
            self._process.join(SECONDS_TO_END)
            self.is_over = True
        if time.monotonic() - self._ended_at > SECONDS_TO_END:
            self.kill()
        return newest

    def ask_to_end(self) -> None:
        """Let it save what it has and end; it hears this once, since a second wish would end it unsaved."""
        if self._can_be_asked and not self._is_asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)
            self._is_asked = True

    def kill(self) -> None:
        """End it and whatever it has started, at once."""
        if not self.is_over:
            kill_group(self._pid)

    def ending(self) -> Ending:
        """How it ended: as it said itself, or as its process shows."""
        return self._ending or self._describe_death()

    def close(self) -> None:
        """Leave no file behind."""
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
        last_words = self._last_words()
        if last_words:
            line = f'{line}; the last that it printed: "{last_words}"'
        return Ending(error=line, is_exhaustion=is_killed or tells_exhaustion(last_words))

    def _last_words(self) -> str:
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _BYTES_OF_LAST_WORDS))
        lines = self._output.read().decode("utf-8", errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        # A job may print anything, also what a terminal takes for a command.
        last = "".join(filter(str.isprintable, _TERMINAL_COMMAND.sub("", last)))
        return last[:_LONGEST_LAST_WORDS]
