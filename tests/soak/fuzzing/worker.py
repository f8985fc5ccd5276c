"""The process that fuzzes one reader; separate, because libFuzzer exits the process when it is done."""

import argparse
import os
import random
import sys
from pathlib import Path

from tests.soak.fuzzing.readers import READERS

MAX_RSS_MEGABYTES = 3000
TIMEOUT_SECONDS = 30


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("reader")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Write the seeds, and let libFuzzer mutate them until --runs or --seconds is reached."""
    arguments = _parse_arguments()
    reader = READERS[arguments.reader]
    if not reader.is_compiled:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
    import atheris  # pyright: ignore[reportMissingImports]

    traced = atheris.instrument_imports  # pyright: ignore[reportAttributeAccessIssue]
    with traced(include=list(reader.traced), exclude=list(reader.untraced)):
        read, seeds = reader.load()
    from tests.soak.fuzzing.crashes import Crashes
    from tests.soak.fuzzing.mutations import mutate

    inputs = arguments.folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (inputs / f"seed-{number:03d}").write_bytes(seed)
    crashes = Crashes(arguments.folder / "crashes", reader.name)

    def test_one(content: bytes) -> None:
        crashes.try_input(read, content, reader.max_seconds)

    def mutate_json(content: bytes, max_bytes: int, seed: int) -> bytes:
        def mutate_bytes(part: bytes) -> bytes:
            return atheris.Mutate(part, len(part) + 16)

        return mutate(content, random.Random(seed), mutate_bytes)[:max_bytes]

    options = {
        "runs": arguments.runs,
        "max_total_time": arguments.seconds,
        "seed": arguments.seed,
        "max_len": reader.max_bytes,
        "timeout": TIMEOUT_SECONDS,
        "rss_limit_mb": MAX_RSS_MEGABYTES,
        "artifact_prefix": f"{arguments.folder / 'crashes'}/{reader.name}-killed-",
    }
    command = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(inputs)]
    atheris.Setup(command, test_one, custom_mutator=mutate_json if reader.contains_json else None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
