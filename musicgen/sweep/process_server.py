"""The server of processes: it imports once what all jobs of a sweep import, and they are forked from it.

Forking a process that has imported much does not work everywhere. Where it does, it saves seconds a job;
elsewhere every process starts from nothing, and there is no server.
"""

import errno
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import TypeVar

from musicgen.errors import InputError
from musicgen.sweep.worker import answer
from musicgen.system.files import remove_empty_folder, remove_file

context = get_context("forkserver" if sys.platform == "linux" else "spawn")
"""Of all processes that are started here."""

_LONGEST_TEMPORARY_FOLDER = 74
"""Bytes. A socket has at most 107 for its name; multiprocessing adds `/pymp-xxxxxxxx/listener-xxxxxxxx`."""
_LISTENING = "MUSICGEN_PROCESS_SERVER"
"""What the server finds in its environment: whose it is, and the folder in which it is told."""
_WORDS = "words"
"""The file in it."""
_SECONDS_BETWEEN_LOOKS = 0.002
_folder: "tempfile.TemporaryDirectory[str] | None" = None
"""Where the server is told; None where there is no server."""
_has_told = False
Answer = TypeVar("Answer")


def warm_up(preload: list[str]) -> None:
    """Let the server of processes start and import these modules; returns at once.

    Raises InputError where the folder for temporary files is named so long that no socket can lie in it.
    """
    global _folder
    if context.get_start_method() != "forkserver":
        return
    temporary = tempfile.gettempdir()
    if len(os.fsencode(temporary)) > _LONGEST_TEMPORARY_FOLDER:
        raise InputError(
            f"TMPDIR={temporary}: too long for the sockets of jobs; allowed are "
            f"{_LONGEST_TEMPORARY_FOLDER} bytes"
        )
    # The first is named alone: whoever imports it collects no garbage any more.
    context.set_forkserver_preload(["musicgen.sweep.preloading", *preload])
    if _folder is None:
        # The server takes it away.
        _folder = tempfile.TemporaryDirectory(prefix="musicgen-server-", ignore_cleanup_errors=True)
        os.environ[_LISTENING] = f"{os.getpid()} {_folder.name}"
    with _interrupts_held_back():
        forkserver.ensure_running()
    os.environ.pop(_LISTENING, None)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Block SIGINT: until the server has imported `preloading`, a Ctrl-C would print a traceback of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def tell(words: str) -> None:
    """Tell the server what to do before it forks the first process. It hears one word; "" lets it go on."""
    global _has_told
    if _folder is not None and not _has_told:
        half = Path(_folder.name) / "half"
        half.write_text(words, encoding="utf-8")
        half.replace(half.with_name(_WORDS))
        _has_told = True


def hear() -> str:
    """In the server: wait until it is told; "" where nobody will tell it anything."""
    listening = os.environ.pop(_LISTENING, None)
    if listening is None:
        return ""
    owner, _, folder = listening.partition(" ")
    while os.getppid() == int(owner):
        try:
            words = (Path(folder) / _WORDS).read_text(encoding="utf-8")
        except FileNotFoundError:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        else:
            # The environment named this folder: only what was put there goes.
            remove_file(Path(folder) / _WORDS)
            remove_empty_folder(Path(folder))
            return words
    return ""


def ask(question: Callable[[], Answer]) -> Answer:
    """What the function returns in a process of its own.

    Raises EOFError where it ends without an answer, OSError where the system has no process for it.
    """
    tell("")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(question, sender))
    try:
        process.start()
    except EOFError as error:
        # The server ends when the system gives it no process.
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def ask_where_it_is_warm(question: Callable[[], Answer]) -> Answer:
    """The same, or what it returns here where no server has imported anything."""
    # What is printed here comes before what the other process prints.
    sys.stdout.flush()
    if _folder is None:
        return question()
    try:
        return ask(question)
    except OSError:
        # No process can be had.
        return question()
