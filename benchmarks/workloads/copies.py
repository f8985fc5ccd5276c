"""The longest copy in sampled tunes beside difflib; `python benchmarks/originality.py` has larger corpora."""

import time

import numpy as np

from benchmarks.alternation import Comparison, alternate, tell
from benchmarks.corpora import default_corpus
from benchmarks.peers.copies import longest_shared_run
from benchmarks.report import Part, Row
from musicgen.metrics.suffix_array import PassageIndex
from musicgen.metrics.tunes import read_tunes, with_notes
from musicgen.notation.melodies import Integers

PEER_QUERIES = 2


def measure(num_repeats: int, num_queries: int = 200) -> Part:
    """Seconds for each query tune: index and search of all, beside difflib on a few."""
    tell("copies")
    corpus = default_corpus()
    training = [tune.melody.pitches for tune in with_notes(read_tunes(corpus.part("train")))]
    queries = _queries(training, num_queries)
    plain_training = [codes.tolist() for codes in training]
    plain_queries = [codes.tolist() for codes in queries[:PEER_QUERIES]]
    found: dict[str, list[int]] = {}

    def ours() -> float:
        started = time.perf_counter()
        found["ours"] = [matches.longest() for matches in PassageIndex(training).match(queries)]
        return (time.perf_counter() - started) / len(queries)

    def peer() -> float:
        started = time.perf_counter()
        found["difflib"] = [longest_shared_run(query, plain_training) for query in plain_queries]
        return (time.perf_counter() - started) / len(plain_queries)

    timings = alternate({"ours": ours, "difflib": peer}, num_repeats)
    assert found["ours"][:PEER_QUERIES] == found["difflib"], "the two find different copies"
    return Part(
        title="Copies",
        text=(
            f"The longest run of pitches that a tune shares with {len(training):,} training tunes "
            f"({sum(map(len, training)):,} notes). Ours indexes the training tunes and searches "
            f"{len(queries)} tunes, and the time includes indexing. difflib.SequenceMatcher compares each of "
            f"{PEER_QUERIES} tunes with all training tunes. Both find runs of the same length."
        ),
        rows=[
            Row(
                f"{len(queries)} tunes",
                "PassageIndex",
                "difflib",
                Comparison(timings["ours"], timings["difflib"]),
                "tune",
            )
        ],
    )


def _queries(training: list[Integers], number: int) -> list[Integers]:
    """Training tunes with one pitch in ten replaced."""
    rng = np.random.default_rng(0)
    queries = []
    for place in rng.choice(len(training), number, replace=False):
        pitches = training[place]
        is_changed = rng.random(len(pitches)) < 0.1
        queries.append(np.where(is_changed, rng.integers(55, 85, len(pitches)), pitches))
    return queries
