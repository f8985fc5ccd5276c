"""Disks that are full or may not be written to: real ones, in memory, which takes the right to mount."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 4096
_SIZE = "512m"


class CannotMountError(Exception):
    """Nobody may mount a disk here."""


@dataclass(frozen=True)
class Disk:
    """A small file system of its own."""

    path: Path

    @property
    def ballast(self) -> Path:
        """A file that takes the room which a test takes away."""
        return self.path / "ballast.lock"

    @property
    def free_bytes(self) -> int:
        """Room that is left."""
        return shutil.disk_usage(self.path).free

    def leave(self, num_bytes: int) -> None:
        """Fill the disk up to so many free bytes."""
        num_blocks = max(0, self.free_bytes - num_bytes) // _BLOCK
        with self.ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), num_blocks * _BLOCK)

    def make_room(self) -> None:
        """Take the ballast away."""
        self.ballast.unlink()

    def allow_writing(self, allowed: bool) -> None:
        """Mount it again, read-only or not."""
        _call("mount", "-o", f"remount,{'rw' if allowed else 'ro'}", str(self.path))


@contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    """A disk at this folder, which is made; raises CannotMountError where that is not allowed."""
    path.mkdir(parents=True, exist_ok=True)
    if os.name == "nt" or shutil.which("mount") is None:
        raise CannotMountError("there is no mount here")
    _call("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(path))
    try:
        yield Disk(path)
    finally:
        _call("umount", "--lazy", str(path))


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMountError(" ".join(done.stderr.split()) or f"{command[0]} failed")
