"""Many tunes from a large network, beside the course's generator."""

import time

from benchmarks.alternation import Comparison, alternate, tell
from benchmarks.corpora import default_corpus
from benchmarks.machine import use_all_cores
from benchmarks.ours import Shape, own_process, seconds_per_character
from benchmarks.peers.course import CourseNetwork, generate_text
from benchmarks.report import Part, Row

SHAPE = Shape("lstm", 1024, batch_size=8, sequence_length=100)
PEER_TUNES = 2


def measure(
    num_repeats: int, shape: Shape = SHAPE, num_tunes: int = 64, max_chars: int = 1000, peer_chars: int = 300
) -> Part:
    """Characters of `num_tunes` tunes against those that the course draws one by one."""
    name = f"{num_tunes} tunes of {max_chars} characters, {shape.cell.upper()} {shape.hidden_size}"
    tell(f"sampling: {name}")
    characters = default_corpus().vocabulary.characters
    network = CourseNetwork(shape.cell, len(characters), shape.hidden_size)
    use_all_cores()
    with own_process() as do:
        timings = alternate(
            {
                "ours": lambda: do(seconds_per_character, shape, num_tunes, max_chars),
                "course's generate_text": lambda: _peer_seconds_per_character(
                    network, characters, peer_chars
                ),
            },
            num_repeats,
        )
    comparison = Comparison(timings["ours"], timings["course's generate_text"])
    rates = ", ".join(
        f"{who} {1 / timing.median:,.0f}"
        for who, timing in (("ours", comparison.ours), ("the peer", comparison.peer))
    )
    return Part(
        title="Sampling",
        text=(
            f"Ours samples all {num_tunes} tunes to their caps, with a random stream for each; the peer "
            f"samples {PEER_TUNES} tunes of {peer_chars} characters one after another (the course's loop, "
            "batch 1, but without gradients). Networks are untrained, and ours never samples a newline, so "
            f"that no tune ends early. Characters per second: {rates}."
        ),
        rows=[Row(name, "sample_tunes", "course's generate_text", comparison, "character", 100, 200)],
    )


def _peer_seconds_per_character(network: CourseNetwork, characters: str, length: int) -> float:
    started = time.perf_counter()
    for _ in range(PEER_TUNES):
        generate_text(network, "X", length, characters)
    return (time.perf_counter() - started) / (PEER_TUNES * length)
