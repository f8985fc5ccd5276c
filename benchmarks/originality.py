"""How long it takes to index training tunes, and to find every copy in 200 others, as the corpus grows.

    python benchmarks/originality.py [megabytes ...]

The corpus is O'Neill's, repeated: each repetition is transposed, and one note in twenty is another one. Its
size is the bytes of ABC that so many notes take in O'Neill's. The 200 queries are tunes of O'Neill's, mutated
alike. Seconds are those of the processor: the program has one thread.
"""

import importlib.util
import re
import resource
import sys
import time
from pathlib import Path

import numpy as np

from musicgen.metrics.originality import TrainingIndex, copied_share, longest_copy
from musicgen.metrics.tunes import read_tunes, with_notes
from musicgen.notation.melodies import Melody

MEGABYTES = (0.2, 0.5, 1, 2, 5, 10, 20, 50)
NUM_QUERIES = 200
MUTATION_RATE = 0.05


def read_oneills() -> tuple[list[Melody], float]:
    """The melodies, and how many bytes of ABC stand for a note."""
    spec = importlib.util.find_spec("music21")
    assert spec is not None and spec.submodule_search_locations, "music21's files are needed"
    folder = Path(spec.submodule_search_locations[0]) / "corpus" / "oneills1850"
    text = "\n".join(path.read_text(encoding="latin-1") for path in sorted(folder.glob("*.abc")))
    tunes = with_notes(read_tunes(re.split(r"\n(?=X:)", text)))
    melodies = [tune.melody for tune in tunes]
    return melodies, len(text) / sum(map(len, melodies))


def mutated(melody: Melody, shift: int, rng: np.random.Generator) -> Melody:
    """The melody moved by `shift` semitones, with some notes replaced."""
    pitches = np.clip(melody.pitches + shift, 0, 127)
    is_changed = rng.random(len(pitches)) < MUTATION_RATE
    replaced = np.where(is_changed, rng.integers(55, 85, len(pitches)), pitches)
    return Melody(replaced, melody.durations, melody.tonic)


def corpus_of(melodies: list[Melody], num_notes: int, rng: np.random.Generator) -> list[Melody]:
    """Repetitions of the melodies with at least `num_notes` notes."""
    corpus: list[Melody] = []
    while num_notes > 0:
        shift = int(rng.integers(-6, 7))
        for melody in melodies:
            if num_notes <= 0:
                break
            corpus.append(mutated(melody, shift, rng))
            num_notes -= len(melody)
    return corpus


def main() -> None:
    """Print a row for each size."""
    sizes = [float(word) for word in sys.argv[1:]] or MEGABYTES
    rng = np.random.default_rng(0)
    melodies, bytes_per_note = read_oneills()
    places = rng.permutation(len(melodies))[:NUM_QUERIES]
    queries = [mutated(melodies[place], int(rng.integers(-6, 7)), rng) for place in places]
    print("    MB      notes  build s  µs/note  query s  longest copy  copied share  peak GB")
    for megabytes in sizes:
        corpus = corpus_of(melodies, int(megabytes * 1e6 / bytes_per_note), rng)
        num_notes = sum(map(len, corpus))
        started = time.process_time()
        index = TrainingIndex.build(corpus)
        built = time.process_time()
        copies = index.find(queries)
        found = time.process_time()
        build_seconds = built - started
        print(
            f"{megabytes:6.1f} {num_notes:10,d} {build_seconds:8.2f} {1e6 * build_seconds / num_notes:8.2f}"
            f" {found - built:8.2f} {longest_copy(copies):13.1f} {copied_share(copies):13.3f}"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
