"""What a reader raised that it must not: one small input for each place in the code."""

import hashlib
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from musicgen.errors import InputError


class TooSlow(AssertionError):
    """An input took more processor time than one may."""


class CrashBook:
    """A folder with an input for each different crash."""

    def __init__(self, folder: Path, name: str) -> None:
        """name: of the reader."""
        self._folder, self._name = folder, name
        folder.mkdir(parents=True, exist_ok=True)

    def watch(self, read: Callable[[bytes], None], content: bytes, most_seconds: float) -> None:
        """Read one input; what it raises, but for InputError, is kept and not raised."""
        started = time.process_time()
        try:
            read(content)
            if time.process_time() - started > most_seconds:
                raise TooSlow(f"{time.process_time() - started:.1f} s")
        except InputError:
            pass
        except Exception as error:
            self._keep(content, error)

    def _keep(self, content: bytes, error: Exception) -> None:
        place = place_of(error)
        digest = hashlib.sha256(place.encode()).hexdigest()[:8]
        path = self._folder / f"{self._name}-{digest}.bin"
        if not path.exists() or len(content) < path.stat().st_size:
            path.write_bytes(content)
            path.with_suffix(".txt").write_text(f"{place}\n{error!r}\n", encoding="utf-8")


def place_of(error: Exception) -> str:
    """The kind of error and the innermost lines of this project that it went through."""
    frames = [
        f"{Path(frame.filename).name}:{frame.name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/musicgen/" in frame.filename or "/tests/soak/" in frame.filename
    ]
    return " ".join([type(error).__name__, *frames[-2:]])
