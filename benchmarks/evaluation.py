"""Time the stages of `python -m musicgen.evaluate TUNES.abc --reference oneills`.

    python benchmarks/evaluation.py [TUNES.abc] [--cache DIR]

Without a file, 200 tunes of Ryan's are evaluated. Prints processor seconds, including those of child
processes, and wall-clock seconds. Run it twice: the first run fills the cache.
"""

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

STARTED = time.perf_counter()
NUM_TUNES = 200
Result = TypeVar("Result")


def processor_seconds() -> float:
    """User and system time of this process and its ended children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(stage: str, work: Callable[[], Result]) -> Result:
    """Do the work and print its times; returns its result."""
    clock, processor = time.perf_counter(), processor_seconds()
    result = work()
    print_row(stage, processor_seconds() - processor, time.perf_counter() - clock)
    return result


def print_row(stage: str, processor: float, clock: float) -> None:
    """Print one line of the table."""
    print(f"{stage:44s} {processor:9.2f} {clock:9.2f}", flush=True)


def default_tunes() -> Path:
    """Ryan's collection in music21's files."""
    spec = importlib.util.find_spec("music21")
    assert spec is not None and spec.submodule_search_locations, "music21's files are needed"
    return Path(spec.submodule_search_locations[0]) / "corpus" / "ryansMammoth"


def main() -> None:
    """Print a row for each stage."""
    parser = argparse.ArgumentParser(description="Time the stages of an evaluation.")
    parser.add_argument("tunes", type=Path, nargs="?", default=default_tunes())
    parser.add_argument("--cache", type=Path, default=Path("outputs/cache"))
    arguments = parser.parse_args()
    from musicgen.config import data_config
    from musicgen.corpus.corpus import load_corpus
    from musicgen.metrics.abc_files import read_abc_files
    from musicgen.metrics.comparison import Corpus
    from musicgen.metrics.evaluation import Evaluation, compare
    from musicgen.metrics.noise import sampling_noise
    from musicgen.metrics.reference import build_reference
    from musicgen.metrics.tunes import read_corpus

    print(f"{'stage':44s} {'processor':>9s} {'wall':>9s}")
    print_row("start-up: Python and its packages", processor_seconds(), time.perf_counter() - STARTED)
    began, clock = processor_seconds(), time.perf_counter()
    data = timed("composing the config", lambda: data_config("oneills"))
    tunes = read_abc_files(arguments.tunes, data).tunes[:NUM_TUNES]
    corpus = timed("corpus: read, clean, near-duplicates, split", lambda: load_corpus(data, arguments.cache))
    reference = timed(
        "reference and floor",
        lambda: build_reference(
            corpus.tunes, num_tunes=len(tunes), groups=corpus.groups, cache_dir=arguments.cache
        ),
    )
    compared = timed(
        "corpus: melodies, index",
        lambda: Corpus.of(*[read_corpus(corpus.tunes, arguments.cache)] * 2),
    )
    comparison = timed("reading the tunes, abc2midi", lambda: compare(tunes, reference, compared))
    timed("copies", lambda: comparison.copies)
    timed("all metrics, a row for each tune", lambda: Evaluation.of(comparison))
    print_row("together", processor_seconds() - began, time.perf_counter() - clock)
    timed("sampling noise", lambda: sampling_noise(comparison))


if __name__ == "__main__":
    main()
