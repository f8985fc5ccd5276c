"""Crashes of readers: the smallest input for each place in the code."""

import hashlib
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from musicgen.errors import InputError


class TooSlow(AssertionError):
    """An input took too much processor time."""


class Crashes:
    """A folder with an input for each distinct crash of a reader."""

    def __init__(self, folder: Path, reader: str) -> None:
        self._folder, self._reader = folder, reader
        folder.mkdir(parents=True, exist_ok=True)

    def try_input(self, read: Callable[[bytes], None], content: bytes, max_seconds: float) -> None:
        """Read one input; keeps it if it takes too long or raises anything but InputError."""
        started = time.process_time()
        try:
            read(content)
            if time.process_time() - started > max_seconds:
                raise TooSlow(f"{time.process_time() - started:.1f} s")
        except InputError:
            pass
        except Exception as error:
            self._keep(content, error)

    def _keep(self, content: bytes, error: Exception) -> None:
        place = place_of(error)
        digest = hashlib.sha256(place.encode()).hexdigest()[:8]
        path = self._folder / f"{self._reader}-{digest}.bin"
        if not path.exists() or len(content) < path.stat().st_size:
            path.write_bytes(content)
            path.with_suffix(".txt").write_text(f"{place}\n{error!r}\n", encoding="utf-8")


def place_of(error: Exception) -> str:
    """Name the error's type and the two innermost lines of this project in its traceback."""
    frames = [
        f"{Path(frame.filename).name}:{frame.name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/musicgen/" in frame.filename or "/tests/soak/" in frame.filename
    ]
    return " ".join([type(error).__name__, *frames[-2:]])
