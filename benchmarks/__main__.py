"""`make bench`: time every workload against its peer; writes benchmarks/results.md.

python -m benchmarks                       everything, with a sample of the peer's equal processes
python -m benchmarks --full                with all of the peer's processes
python -m benchmarks --short               a quick look: sweep and study with a tenth of their iterations
python -m benchmarks --only training copies
                                           only these parts; the others keep their earlier results
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.alternation import NUM_REPEATS, report_progress
from benchmarks.limit import rates_tables
from benchmarks.report import Part, read_parts, write_parts
from benchmarks.workloads import (
    busy_machine,
    copies,
    sampling,
    study,
    sweep,
    time_to_quality,
    training,
)

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Time every workload against its peer."
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--full", action="store_true", help="run every process of sweep and study")
    length.add_argument("--short", action="store_true", help="sweep and study with fewer iterations")
    parser.add_argument("--repeats", type=int, default=NUM_REPEATS, help="repeats of short workloads")
    parser.add_argument("--long-repeats", type=int, default=1, help="repeats of sweep and study")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for results.md and results.json")
    measures = _measures()
    parser.add_argument("--only", nargs="+", choices=list(measures), default=list(measures), metavar="PART")
    arguments = parser.parse_args()
    parts = read_parts(arguments.folder / "results.json")
    for name, measure in measures.items():
        if name in arguments.only:
            started = time.perf_counter()
            parts[name] = measure(arguments)
            page = write_parts({key: parts[key] for key in measures if key in parts}, arguments.folder)
            report_progress(f"{name}: {time.perf_counter() - started:.0f} s, written to {page}")


def _measures() -> dict[str, Callable[[argparse.Namespace], Part]]:
    """Part -> function that measures it, in the order of the page."""
    return {
        "quality": lambda _given: time_to_quality.measure(),
        "training": lambda given: training.measure(given.repeats),
        "sampling": lambda given: sampling.measure(given.repeats),
        "sweep": lambda given: sweep.measure(given.long_repeats, *_length(given), every_run=given.full),
        "study": lambda given: study.measure(given.long_repeats, *_length(given), every_point=given.full),
        "busy": lambda given: busy_machine.measure(given.repeats),
        "copies": lambda given: copies.measure(given.repeats),
        "rates": lambda _given: Part(
            title="Rates of this machine",
            text="The limits above derive from these: matrix products, and reading memory repeatedly.",
            rows=[],
            tables=[rates_tables()],
        ),
    }


def _length(given: argparse.Namespace) -> tuple[int, tuple[str, ...]]:
    """Iterations and settings of sweep and study."""
    if given.short:
        return sweep.REDUCED_ITERATIONS, (*sweep.NETWORK, *sweep.REDUCED)
    return sweep.FULL_ITERATIONS, sweep.NETWORK


if __name__ == "__main__":
    main()
