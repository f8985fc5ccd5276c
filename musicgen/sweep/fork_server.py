"""The fork server: it imports once what every job of a sweep needs, and every job is forked from it.

Forking a process with these libraries loaded is safe only on Linux. Elsewhere each job starts a new
interpreter.
"""

import os
import signal
import sys
import tempfile
from multiprocessing import forkserver, get_context, resource_tracker

from musicgen.errors import InputError

context = get_context("forkserver" if sys.platform == "linux" else "spawn")

MAX_TEMPORARY_FOLDER_BYTES = 74
"""A socket's path has at most 107 bytes, and multiprocessing adds `/pymp-xxxxxxxx/listener-xxxxxxxx`."""

PRELOADED = (
    "musicgen.run.prepare",
    "musicgen.run.execute",
    "musicgen.sweep.sweeper",
    "musicgen.sweep.folders",
    # What these import on first use.
    "rapidfuzz.distance",
    "rapidfuzz.process",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "PIL.ImageFont",
    "PIL.PngImagePlugin",
    "symusic",
    "soundfile",
    "comet_ml",
    # Must come last.
    "musicgen.sweep.preloaded",
)


def start_fork_server() -> None:
    """Start the server and return at once; it imports while the caller plans.

    Raises InputError if the path of the temporary folder is too long for sockets.
    """
    if sys.platform != "linux":
        return
    temporary = tempfile.gettempdir()
    if len(os.fsencode(temporary)) > MAX_TEMPORARY_FOLDER_BYTES:
        raise InputError(
            f"TMPDIR={temporary}: too long for the sockets of jobs; allowed are "
            f"{MAX_TEMPORARY_FOLDER_BYTES} bytes"
        )
    context.set_forkserver_preload(list(PRELOADED))
    # The server inherits that SIGINT is blocked: a Ctrl-C on the terminal is for the launcher, which passes
    # it on to the jobs (worker.py unblocks it there). Starting the tracker would unblock it here.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
