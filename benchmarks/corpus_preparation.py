"""The cost of preparing a corpus of a given size, in a separate process, because memory is measured.

    python -m benchmarks.corpus_preparation MEGABYTES

Prints one line of JSON. The corpus is generated from O'Neill's: each tune has the header of a real one and
bars drawn from all tunes, so that there are no near-duplicates at any size.
"""

import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.machine import use_all_cores
from benchmarks.ours import Shape, config_of, step_seconds
from musicgen.config import compose_config
from musicgen.corpus.corpus import load_corpus, training_text
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunes import split_tunes

SHAPE = Shape("lstm", hidden_size=256, batch_size=16, sequence_length=100)
NUM_STEPS = 20


def made_tunes(tunes: list[str], num_characters: int, rng: np.random.Generator) -> Iterator[str]:
    """Generate tunes with at least `num_characters` characters in total."""
    headers, bars, lengths = [], [], []
    for tune in tunes:
        header, key, body = re.split(r"(?m)^(K:.*\n)", tune, maxsplit=1)[:3]
        headers.append(header + key)
        own = [bar.strip() for bar in body.split("|") if bar.strip()]
        bars += own
        lengths.append(len(own))
    while num_characters > 0:
        place = int(rng.integers(len(headers)))
        drawn = [bars[number] for number in rng.integers(len(bars), size=lengths[place])]
        lines = ["|".join(drawn[first : first + 4]) for first in range(0, len(drawn), 4)]
        tune = headers[place] + "|\n".join(lines) + "|]"
        num_characters -= len(tune) + 2
        yield tune


def main() -> None:
    """Generate a corpus, prepare it, train a few steps, and print the costs."""
    megabytes = float(sys.argv[1])
    use_all_cores()
    real = [tune for tune in split_tunes(read_source(compose_config([]).data)) if "\nK:" in tune]
    base = peak_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tunes.abc"
        with path.open("w", encoding="utf-8") as file:
            for tune in made_tunes(real, int(megabytes * 1e6), np.random.default_rng(0)):
                file.write(tune + "\n\n")
        data = compose_config(["data=file", f"data.path={path}", "data.max_megabytes=1000"]).data
        started = time.perf_counter()
        corpus = load_corpus(data)
        prepared = time.perf_counter()
        tokens = corpus.vocabulary.encode(training_text(corpus.part("train")))
        encoded = time.perf_counter()
    result = {
        "megabytes": megabytes,
        "tunes": len(corpus.tunes),
        "prepare_seconds": prepared - started,
        "encode_seconds": encoded - prepared,
        "peak_bytes": peak_bytes(),
        "base_bytes": base,
        "step_seconds": step_seconds(config_of(SHAPE), NUM_STEPS, corpus=corpus, tokens=tokens),
    }
    print(json.dumps(result))


def peak_bytes() -> int:
    """The peak memory of this process so far."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
