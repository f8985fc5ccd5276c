"""Signals that ask a process to end: Ctrl-C, SIGTERM, and SIGHUP, which a closed terminal sends.

Closing a terminal sends SIGHUP twice, once by the kernel and once by the shell, and systemd sends it right
after SIGTERM. So once the process is shutting down, further SIGHUPs are ignored. A second Ctrl-C or SIGTERM
acts at once.
"""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""None on Windows."""
_STANDARD_OUTPUTS = (1, 2)


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived. Code that cleans up after Ctrl-C cleans up after these, too."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.exit_status = 128 + number


class Interruption:
    """Set to True once the training was asked to stop."""

    requested = False


@contextmanager
def listen_for_interruption() -> Iterator[Interruption]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a flag that the body checks where it can stop."""
    interruption = Interruption()

    def request(_number: int) -> None:
        interruption.requested = True

    with _first_signal(request, [signal.SIGINT, signal.SIGTERM]):
        yield interruption


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Raise Terminated in the body at the first SIGTERM or SIGHUP; Ctrl-C raises KeyboardInterrupt anyway."""

    def stop(number: int) -> None:
        raise Terminated(number)

    try:
        with _first_signal(stop, [signal.SIGTERM]):
            yield
    finally:
        # If Ctrl-C interrupted an exec(), such as that of a dataclass, `python -m` would end itself by SIGINT
        # instead of the command's exit status. The next exec() makes it forget that.
        exec("")


@contextmanager
def unwrapping_interruptions() -> Iterator[None]:
    """Raise KeyboardInterrupt if Ctrl-C is what led to an error of the body.

    OmegaConf wraps an interruption in an error, or loses it where it cleans up.
    """
    has_arrived = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal has_arrived
        has_arrived = True
        signal.default_int_handler(number, frame)

    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    is_watched = is_default and threading.current_thread() is threading.main_thread()
    if is_watched:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__ or cause.__context__
        if cause is None and not has_arrived:
            raise
        raise cause or KeyboardInterrupt() from None
    finally:
        if is_watched and signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def can_hang_up() -> bool:
    """Return whether SIGHUP exists and is not ignored, as it is under `nohup`."""
    return _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN


@contextmanager
def _first_signal(act: Callable[[int], None], numbers: list[signal.Signals]) -> Iterator[None]:
    """Call `act` at the first of these signals or SIGHUP; later signals act as before, except SIGHUP."""
    if threading.current_thread() is not threading.main_thread():
        # Python delivers signals only to the main thread.
        yield
        return
    if _HANGUP is not None and can_hang_up():
        numbers = [*numbers, _HANGUP]
    previous = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in previous.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, handler)

    def handle(number: int, _frame: FrameType | None) -> None:
        restore()
        if _HANGUP is not None:
            signal.signal(_HANGUP, signal.SIG_IGN)
        leave_closed_terminal()
        act(number)

    for number in previous:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()


def leave_closed_terminal() -> None:
    """Redirect output to the null device if its terminal was closed: each line would fail."""
    for descriptor in _STANDARD_OUTPUTS:
        try:
            os.write(descriptor, b"")
        except OSError as error:
            if error.errno == errno.EIO:
                with suppress(OSError):
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, descriptor)
                    os.close(nowhere)
