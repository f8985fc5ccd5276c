"""A training step beside the course's loop, and how near it comes to what the machine allows."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.alternation import Comparison, Timing, alternate, format_seconds, markdown_table, tell
from benchmarks.corpora import default_corpus, describe_corpus, training_tokens
from benchmarks.limit import Limit, training_limit
from benchmarks.machine import use_all_cores
from benchmarks.ours import WARM_UP_STEPS, Shape, config_of, own_process, precisions, step_seconds
from benchmarks.peers.course import CourseTraining
from benchmarks.peers.plain import PlainTraining
from benchmarks.report import Part, Row

PEER_WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    shape: Shape
    at_least: float
    aim: float


CASES = (
    Case(Shape("lstm", 1024, 8, 100), 1.8, 3),
    Case(Shape("gru", 1024, 8, 100), 4, 7),
    Case(Shape("lstm", 256, 32, 100), 1.5, 2.5),
    Case(Shape("gru", 256, 32, 100), 3, 5),
)


def measure(
    num_repeats: int, cases: Sequence[Case] = CASES, num_steps: int = 20, peer_steps: int = 10
) -> Part:
    """Every case in every precision, beside the course's loop and plain modules."""
    rows: list[Row] = []
    limits: list[list[str]] = []
    for case in cases:
        tell(f"training step: {case.shape}")
        timings = _timings(case.shape, num_repeats, num_steps, peer_steps)
        for precision in precisions():
            ours = timings[precision]
            limit = training_limit(case.shape, default_corpus().vocabulary.size, precision)
            limits.append(_limit_row(case.shape, precision, limit, ours))
            for peer, at_least, aim in (
                ("course's loop", case.at_least, case.aim),
                ("plain modules, fused Adam", None, None),
            ):
                comparison = Comparison(ours, timings[peer])
                rows.append(Row(str(case.shape), precision, peer, comparison, "step", at_least, aim))
    header = ["limit of", "", "operations at", "recurrence: operations", "reading the weights"]
    header += ["merged products", "optimiser", "limit", "measured", "limit ÷ measured", "what binds"]
    return Part(
        title="Training step",
        text=(
            f"On {describe_corpus()}, with embedding size 256 and all cores on both sides. A "
            f"repeat is a whole training of {WARM_UP_STEPS + num_steps} iterations, of which the last "
            f"{num_steps} are timed (its one validation follows them), and {peer_steps} iterations of a "
            "warmed-up peer. Adam everywhere. *Plain modules, fused Adam* is what a careful user "
            "writes with nn.LSTM or nn.GRU: time-major, without reading the loss after each step. "
            "benchmarks/limit.py derives the limits from rates measured in the same run, with the first "
            "layer's input product as a table lookup."
        ),
        rows=rows,
        tables=[markdown_table(header, limits)],
    )


def _timings(shape: Shape, num_repeats: int, num_steps: int, peer_steps: int) -> dict[str, Timing]:
    arguments = {
        "cell": shape.cell,
        "hidden_size": shape.hidden_size,
        "batch_size": shape.batch_size,
        "sequence_length": shape.sequence_length,
    }
    tokens, vocabulary_size = training_tokens(), default_corpus().vocabulary.size
    works: dict[str, Callable[[], float]] = {}
    with own_process() as do:
        for precision, overrides in precisions().items():
            config = config_of(shape, overrides)
            works[precision] = lambda config=config: do(step_seconds, config, num_steps)
        works["course's loop"] = peer_work(
            CourseTraining(tokens, vocabulary_size, **arguments).step, peer_steps
        )
        works["plain modules, fused Adam"] = peer_work(
            PlainTraining(tokens, vocabulary_size, **arguments).step, peer_steps
        )
        use_all_cores()
        return alternate(works, num_repeats)


def peer_work(step: Callable[[], object], num_steps: int) -> Callable[[], float]:
    """Seconds of one of `num_steps` steps, behind a few that are not counted."""

    def seconds() -> float:
        for _ in range(PEER_WARM_UP_STEPS):
            step()
        started = time.perf_counter()
        for _ in range(num_steps):
            step()
        return (time.perf_counter() - started) / num_steps

    return seconds


def _limit_row(shape: Shape, precision: str, limit: Limit, measured: Timing) -> list[str]:
    return [
        str(shape),
        precision,
        f"{limit.rate / 1e9:.0f} GFLOP/s",
        format_seconds(limit.recurrence_compute),
        f"{format_seconds(limit.recurrence_traffic)} at {limit.recurrent_bandwidth / 1e9:.0f} GB/s",
        format_seconds(limit.merged),
        format_seconds(limit.optimiser),
        format_seconds(limit.seconds),
        format_seconds(measured.median),
        f"**{limit.seconds / measured.median:.2f}**",
        limit.binds,
    ]
