"""Ctrl-C and SIGTERM as a request that the training loop reads between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether somebody asked the training to stop."""

    requested = False


@contextmanager
def listen_for_interruption() -> Iterator[Interruption]:
    """Turn the first SIGINT or SIGTERM into a request; a second one acts at once, as usual."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        # Python delivers signals to the main thread alone; there, whoever runs this thread handles them.
        yield interruption
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def request(_number: int, _frame: FrameType | None) -> None:
        interruption.requested = True
        restore()

    for number in previous:
        signal.signal(number, request)
    try:
        yield interruption
    finally:
        restore()
