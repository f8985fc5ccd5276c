"""`make bench`: every workload beside its peer, written to benchmarks/results.md.

python -m benchmarks                       everything; of a peer's equal processes some are run
python -m benchmarks --full                all of them are
python -m benchmarks --short               sweep and study with a tenth of their iterations, for a quick look
python -m benchmarks --only training copies
                                           these parts; the others stay as they were measured before
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.alternation import NUM_REPEATS, tell
from benchmarks.limit import rates_tables
from benchmarks.report import Part, read_parts, write_parts
from benchmarks.workloads import copies, recipe, sampling, study, sweep, training

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Measure, write, print where."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure every workload beside its peer."
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--full", action="store_true", help="every process of sweep and study")
    length.add_argument("--short", action="store_true", help="sweep and study with fewer iterations")
    parser.add_argument("--repeats", type=int, default=NUM_REPEATS, help="of the short workloads")
    parser.add_argument("--long-repeats", type=int, default=1, help="of sweep and study")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where results.md and results.json go")
    measures = _measures()
    parser.add_argument("--only", nargs="+", choices=list(measures), default=list(measures), metavar="PART")
    arguments = parser.parse_args()
    parts = read_parts(arguments.folder / "results.json")
    for name, measure in measures.items():
        if name in arguments.only:
            started = time.perf_counter()
            parts[name] = measure(arguments)
            page = write_parts({key: parts[key] for key in measures if key in parts}, arguments.folder)
            tell(f"{name}: {time.perf_counter() - started:.0f} s, written to {page}")


def _measures() -> dict[str, Callable[[argparse.Namespace], Part]]:
    """Part -> how it is measured, in the order of the page."""
    return {
        "training": lambda given: training.measure(given.repeats),
        "sampling": lambda given: sampling.measure(given.repeats),
        "sweep": lambda given: sweep.measure(given.long_repeats, *_length(given), every_run=given.full),
        "study": lambda given: study.measure(given.long_repeats, *_length(given), every_point=given.full),
        "recipe": lambda given: recipe.measure(given.long_repeats),
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
