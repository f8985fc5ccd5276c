"""Make the wall clock jump or stop for some processes, with a small preloaded library.

libfaketime 0.9.10 does not suit: Python's sleep fails when its clock jumps.
"""

import struct
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")
_NANOSECONDS = 10**9


class Clock:
    """A wall clock for processes started with its environment. Needs a C compiler, `cc`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        library, self._settings = folder / "clock.so", folder / "clock.settings"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, _SOURCE, "-ldl"], check=True)
        self._settings.write_bytes(bytes(16))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK": str(self._settings)}

    def jump(self, by: timedelta) -> None:
        """Set the clock to the true time plus `by`."""
        self._set(round(by.total_seconds() * _NANOSECONDS), 0)

    def stop_at(self, moment: datetime) -> None:
        """Stop the clock at this moment."""
        self._set(0, round(moment.timestamp() * _NANOSECONDS))

    def _set(self, offset: int, stopped_at: int) -> None:
        # Write in place: processes have mapped the file.
        with self._settings.open("r+b") as file:
            file.write(struct.pack("qq", offset, stopped_at))
