"""`python -m tests.soak.fuzzing READER --executions N`: search for inputs that crash a reader.

Atheris (the extra `fuzz`) starts with real tunes, configs and runs, mutates them, and keeps the
inputs that reach new branches. Any exception of a reader other than InputError is a crash, and so is an input
that takes seconds. The folder keeps inputs, crashes and figures, and the same command resumes from it, so a
long search can be done in pieces (`--seconds`). In a new folder, a single process is reproducible: the same
seed and number of executions give the same search.

The last line sums up the figures; the exit status is 1 if a crash was found. The inputs of fixed crashes are
kept in tests/soak/crashes/, where the tests read them again.
"""

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from musicgen.errors import InputError, how_to_install
from musicgen.system.commands import exit_status
from musicgen.system.files import write_text_atomically
from tests.soak.fuzzing.readers import READERS

_FIGURES = "figures.json"
_COUNT = re.compile(r"^#(\d+)\s", re.MULTILINE)
_COVERAGE = re.compile(r"cov: (\d+)")


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.fuzzing", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=int, default=3600, metavar="S", help="time limit; default: %(default)s"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="resume from here; default: outputs/fuzzing/READER"
    )
    return parser.parse_args(arguments)


def fuzz(arguments: argparse.Namespace) -> int:
    """Run workers until all inputs are read or the time is up; returns the exit status."""
    try:
        import atheris  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(f"Atheris is not installed: {how_to_install('fuzz')}") from error
    folder: Path = arguments.folder or Path("outputs/fuzzing") / arguments.reader
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _FIGURES
    figures = (
        json.loads(file.read_text()) if file.exists() else {"executions": 0, "seconds": 0.0, "pieces": 0}
    )
    left, deadline = arguments.executions, time.monotonic() + arguments.seconds
    while left > 0 and (seconds := round(deadline - time.monotonic())) > 0:
        started = time.monotonic()
        runs = math.ceil(left / arguments.processes)
        first_seed = arguments.seed + figures["pieces"]
        seeds = range(first_seed, first_seed + arguments.processes)
        logs = _run_workers(folder, arguments.reader, runs, seconds, seeds)
        done = sum(max(map(int, _COUNT.findall(log)), default=0) for log in logs)
        if not done:
            raise InputError(f"the worker read nothing: {logs[0].strip().splitlines()[-1:]}")
        left -= done
        figures["executions"] += done
        figures["seconds"] = round(figures["seconds"] + time.monotonic() - started, 1)
        figures["pieces"] += arguments.processes
        figures["coverage"] = max(int(number) for log in logs for number in _COVERAGE.findall(log))
        write_text_atomically(file, json.dumps(figures, indent=2) + "\n")
    crashes = sorted(path for path in (folder / "crashes").iterdir() if path.suffix != ".txt")
    for path in crashes:
        print(path)
    print(
        f"{arguments.reader}: {figures['executions']:,} executions in {figures['seconds']:.0f} s, "
        f"{figures['coverage']} branches reached, {len(crashes)} crashes"
    )
    return 1 if crashes else 0


def _run_workers(folder: Path, reader: str, runs: int, seconds: int, seeds: Sequence[int]) -> list[str]:
    """Run a worker for each seed in parallel; returns their outputs."""
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in seeds]
        workers = []
        for seed, output in zip(seeds, outputs, strict=True):
            command = [sys.executable, "-m", "tests.soak.fuzzing.worker", reader, "--folder", str(folder)]
            command += ["--runs", str(runs), "--seconds", str(seconds), "--seed", str(seed)]
            workers.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        for worker in workers:
            worker.wait()
        for output in outputs:
            output.seek(0)
        return [output.read() for output in outputs]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: fuzz(parsed))


if __name__ == "__main__":
    sys.exit(main())
