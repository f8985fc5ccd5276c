"""Clocks that jump or stand still for one process, by libfaketime; intervals go on as they should."""

from collections.abc import Callable
from pathlib import Path

_LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"


def jumping_clock(folder: Path) -> tuple[dict[str, str], Callable[[str], None]]:
    """The environment of a process, and a function that puts its clock so far off: "+3h", "-2d", "+0".

    Raises FileNotFoundError where libfaketime is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    offset = folder / "clock.txt"

    def jump(by: str) -> None:
        temporary = offset.with_suffix(".new")
        temporary.write_text(f"{by}\n")
        temporary.replace(offset)

    jump("+0")
    return {**_environment(), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"}, jump


def still_clock(moment: str) -> dict[str, str]:
    """The environment of a process for which it is always this moment, such as "1971-02-03 04:05:06"."""
    return {**_environment(), "FAKETIME": moment}


def _environment() -> dict[str, str]:
    library = next(Path("/").glob(_LIBRARIES), None)
    if library is None:
        raise FileNotFoundError("libfaketime is not installed: apt install faketime")
    return {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
