"""Values that are computed once and kept in a file, for all processes."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from musicgen.system.files import keep_text, warn_not_kept
from musicgen.system.locks import locked

log = logging.getLogger(__name__)

Value = TypeVar("Value")


def computed_once(
    path: Path,
    read: Callable[[str], Value],
    compute: Callable[[], Value],
    write: Callable[[Value], str],
    on_wait: Callable[[str], None] = log.warning,
    *,
    locks: bool = True,
) -> Value:
    """Return the cached value in `path`, or compute it and cache it there.

    A file that `read` rejects with ValueError, TypeError or KeyError is computed again. If several processes
    need the value, one of them computes it and the others wait: on_wait is called as in `wait_for_lock`.
    Without locks, several may compute it. If the disk refuses the file, a warning is logged.
    """

    def known() -> Value | None:
        try:
            return read(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    value = known()
    if value is not None:
        return value
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(path.with_suffix(".lock"), on_wait, locks=locks))
        except OSError as error:
            warn_not_kept(path, error)
            return compute()
        value = known()
        if value is None:
            value = compute()
            keep_text(path, write(value))
        return value
