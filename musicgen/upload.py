"""`python -m musicgen.upload PATH...`: send to Comet what it does not have yet."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.errors import InputError
from musicgen.system.commands import exit_status, in_settled_environment

_NICENESS = 10


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.upload",
        description="Send the Comet archives of runs, sweeps, notes and ratings that have not been sent yet, "
        "including those of tracker.mode=offline. Nothing is sent twice.",
    )
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them")
    add("--timeout", type=float, default=120.0, metavar="SECONDS", help="per archive; default: 120")
    words = "for file systems without locks; make sure that nobody else is sending from there"
    add("--no-locks", action="store_true", help=words)
    add("--background", action="store_true", help="run with a low priority")
    words = "first show the runs that begin in PATH while they train, until standard input ends"
    add("--follow", action="store_true", help=words)
    return parser.parse_args(arguments)


def upload(arguments: argparse.Namespace) -> int:
    """Send the archives; returns the exit status. Raises InputError."""
    from musicgen.run.uploads import follow, send_archives
    from musicgen.tracking.config import MAX_TIMEOUT_SECONDS

    if not 0 < arguments.timeout <= MAX_TIMEOUT_SECONDS:
        raise InputError(
            f"--timeout {arguments.timeout:g}: must be above 0 and at most {MAX_TIMEOUT_SECONDS:g} seconds"
        )
    if arguments.follow:
        # With the usual priority: it needs a second to start, and runs would be over before it had it.
        follow(arguments.paths[0])
    if arguments.background and hasattr(os, "nice"):
        os.nice(_NICENESS)
    return send_archives(arguments.paths, arguments.timeout, locks=not arguments.no_locks)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: upload(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
