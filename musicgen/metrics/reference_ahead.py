"""The reference of a corpus, computed beside a training that leaves a core free.

A first run of a corpus needs a dozen seconds of one core for it, when its tunes are sampled. The work
is done by `python -m musicgen.metrics.reference_ahead`; whoever asks for the reference meanwhile waits for it
(`reference.build_reference`), and computes it where this process has failed.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from musicgen.metrics.reference import build_reference, reference_file
from musicgen.system.files import is_computed_now, scratch_file
from musicgen.system.priority import give_way


@contextmanager
def reference_ahead(
    tunes: Sequence[str], groups: Sequence[int], num_tunes: int, num_splits: int, cache_dir: Path
) -> Iterator[None]:
    """While the body runs, compute what `build_reference` would be asked for.

    Nothing is done where it is known, or another process computes it already.
    """
    path = reference_file(cache_dir, tunes, groups, num_tunes, num_splits)
    if path.exists() or is_computed_now(path):
        yield
        return
    question = [list(tunes), list(groups), num_tunes, num_splits, str(cache_dir.absolute())]
    with scratch_file() as file:
        file.write(json.dumps(question).encode())
        file.seek(0)
        process = _start(file)
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def _start(question: BinaryIO) -> "subprocess.Popen[bytes] | None":
    """The process that computes it; None where the system has none left, and it is computed when needed."""
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "musicgen.metrics.reference_ahead"],
            stdin=question,
            stdout=subprocess.DEVNULL,
            # What goes wrong here goes wrong again, and is told, where the reference is needed.
            stderr=subprocess.DEVNULL,
        )
    except BlockingIOError:
        return None


def main() -> None:
    """Compute the reference that is asked for on the standard input."""
    give_way()
    # A Ctrl-C is for the run, which ends this process when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tunes, groups, num_tunes, num_splits, cache_dir = json.load(sys.stdin)
    build_reference(
        tunes, num_tunes=num_tunes, groups=groups, num_splits=num_splits, cache_dir=Path(cache_dir)
    )


if __name__ == "__main__":
    main()
