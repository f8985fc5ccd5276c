"""Clocks that jump or stand still for some processes, by a small library that is compiled and preloaded.

libfaketime would do the same, but in its version 0.9.10 Python's sleep fails on clocks that jump.
"""

import struct
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")
_NANOSECONDS = 10**9


class Clock:
    """A wall clock for whoever is started with its environment. Needs a C compiler, `cc`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        library, self._settings = folder / "clock.so", folder / "clock.settings"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, _SOURCE, "-ldl"], check=True)
        self._settings.write_bytes(bytes(16))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK": str(self._settings)}

    def jump(self, by: timedelta) -> None:
        """Put it so far off the true time."""
        self._set(round(by.total_seconds() * _NANOSECONDS), 0)

    def stop_at(self, moment: datetime) -> None:
        """Let it always be this moment."""
        self._set(0, round(moment.timestamp() * _NANOSECONDS))

    def _set(self, offset: int, still: int) -> None:
        # In place: processes have it mapped.
        with self._settings.open("r+b") as file:
            file.write(struct.pack("qq", offset, still))
