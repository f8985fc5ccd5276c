"""Where Python looks for garbage: not in what imports made, which stays and is most of what there is.

To look through it takes one of the twelve seconds of a smoke run.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_has_frozen = False


@contextmanager
def without_collecting() -> Iterator[None]:
    """Import in the body. Later bodies import nothing more, and what is left behind there must go."""
    gc.disable()
    try:
        yield
    finally:
        if _has_frozen:
            gc.enable()
        else:
            collect_from_here()


def collect_from_here() -> None:
    """Leave out all that there is now."""
    global _has_frozen
    gc.freeze()
    gc.enable()
    _has_frozen = True


def end_without_collecting() -> None:
    """Let this process end at once: Python would look through all that there is once more.

    After torch has been imported that takes half a second.
    """
    atexit.register(gc.freeze)
