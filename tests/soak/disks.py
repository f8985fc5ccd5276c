"""Full and read-only disks: file systems in memory, which only a process that may mount can make."""

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
    """This process cannot mount a disk."""


@dataclass(frozen=True)
class Disk:
    """A small mounted file system."""

    path: Path

    @property
    def ballast(self) -> Path:
        """The file that fills the disk."""
        return self.path / "ballast.lock"

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    def leave(self, num_bytes: int) -> None:
        """Fill the disk until `num_bytes` are free."""
        num_blocks = max(0, self.free_bytes - num_bytes) // _BLOCK
        with self.ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), num_blocks * _BLOCK)

    def make_room(self) -> None:
        """Remove the ballast."""
        self.ballast.unlink()

    def allow_writing(self, allowed: bool) -> None:
        """Remount the disk for writing, or read-only."""
        _call("mount", "-o", f"remount,{'rw' if allowed else 'ro'}", str(self.path))


@contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    """Create the folder and mount a disk there during the block. Raises CannotMountError."""
    path.mkdir(parents=True, exist_ok=True)
    if os.name == "nt" or shutil.which("mount") is None:
        raise CannotMountError("this system has no `mount`")
    _call("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(path))
    try:
        yield Disk(path)
    finally:
        _call("umount", "--lazy", str(path))


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMountError(" ".join(done.stderr.split()) or f"{command[0]} failed")
