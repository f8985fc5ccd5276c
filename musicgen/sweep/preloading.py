"""Imported by the server of processes before all else.

What the server imports stays, and need not be looked through: the garbage collector would do so again and
again, for half a second. Nor need it be taken apart at the end, which takes a second in which a pipe that the
command prints into stays open. A Ctrl-C on the terminal is for the launcher alone, which tells its jobs, and
so is the SIGHUP of a terminal that is closed.
Processes forked from the server see to all this for themselves.
"""

import atexit
import gc
import os
import signal
import sys
from types import TracebackType

from musicgen.system.interruption import can_hang_up


def _tell_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The server ends when the system has no process for it, which the launcher notices and says."""
    if not isinstance(error, BlockingIOError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell_defect
gc.disable()
# The first that is registered comes last.
atexit.register(os._exit, 0)
signal.signal(signal.SIGINT, signal.SIG_IGN)
# The launcher blocks it until here. Jobs inherit the mask, and must hear theirs.
if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
if can_hang_up():
    # Not SIG_IGN: the jobs take that for `nohup`.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
