"""A PostgreSQL server of a test's own, on the loopback address, from Debian's package."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")
_SECONDS_TO_START = "60"


def programs() -> Path | None:
    """The folder of initdb, pg_ctl and the server."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(_DEBIAN.glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a new server's database; skips the test where there is no server to start."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL: Debian's package `postgresql` is not installed")
    # The server refuses to run as root; what pytest gives as a folder, other users may not enter.
    user = "postgres" if os.getuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="musicgen-postgres-"))
    if user is not None:
        shutil.chown(place, user)
    data = place / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [folder / program, *arguments], user=user, cwd=place, check=True, stdout=subprocess.DEVNULL
        )

    try:
        run("initdb", "--pgdata", str(data), "--auth", "trust", "--username", "search", "--no-sync")
        port = _free_port()
        options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
        start = ("-o", options, "-l", str(place / "log"), "-t", _SECONDS_TO_START)
        run("pg_ctl", "--pgdata", str(data), *start, "--wait", "start")
        try:
            yield f"postgresql://search@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "--pgdata", str(data), "--mode", "immediate", "--wait", "stop")
    finally:
        shutil.rmtree(place)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
