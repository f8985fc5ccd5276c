"""How cost grows with the size of each thing, one figure each in benchmarks/figures/.

    python -m benchmarks.scaling [hidden batch length layers corpus]

Seconds for a character of training beside the careful user's loop (benchmarks/peers/plain.py), and a line
that only the number of operations would give, drawn through our largest point. For the corpus: seconds and
memory of preparing it, and the training step, which must not change.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.alternation import alternate, tell
from benchmarks.corpora import default_corpus, training_tokens
from benchmarks.machine import describe_machine, use_all_cores
from benchmarks.ours import Shape, config_of, precisions, step_seconds
from benchmarks.peers.plain import PlainTraining
from benchmarks.scaling_figures import Line, draw_corpus, draw_scaling
from benchmarks.workloads.training import peer_work

FOLDER = Path(__file__).resolve().parent / "figures"
BASE = Shape("lstm", hidden_size=256, batch_size=16, sequence_length=100)
NUM_REPEATS = 3
NUM_STEPS = 10
PEER_STEPS = 5
"""So few, since the largest step takes seconds."""


@dataclass(frozen=True)
class Axis:
    """What grows, the rest staying as in BASE."""

    label: str
    field: str
    sizes: Sequence[int]


AXES = {
    "hidden": Axis("hidden size", "hidden_size", (64, 128, 256, 512, 1024, 2048)),
    "batch": Axis("batch size", "batch_size", (1, 2, 4, 8, 16, 32, 64)),
    "length": Axis("sequence length", "sequence_length", (50, 100, 200, 350, 500)),
    "layers": Axis("layers", "num_layers", (1, 2, 3)),
}
CORPUS_MEGABYTES = (0.2, 2, 10, 50)


def measure_axis(axis: Axis, num_repeats: int = NUM_REPEATS) -> dict[str, dict[str, Line]]:
    """Cell -> side -> seconds for a character at every size, and the line of operations alone."""
    found: dict[str, dict[str, Line]] = {}
    for cell in ("lstm", "gru"):
        points: dict[str, list[float]] = {}
        shapes = [replace(BASE, cell=cell, **{axis.field: size}) for size in axis.sizes]
        for shape in shapes:
            tell(f"{shape}")
            characters = shape.batch_size * shape.sequence_length
            for side, timing in alternate(_works(shape), num_repeats).items():
                points.setdefault(side, []).append(timing.median / characters)
        lines = {side: Line(tuple(axis.sizes), tuple(values)) for side, values in points.items()}
        first = next(iter(lines.values()))
        lines["operations"] = Line(first.sizes, _operations(shapes, first.values[-1]))
        found[cell] = lines
    return found


def _works(shape: Shape) -> Mapping[str, Callable[[], float]]:
    works: dict[str, Callable[[], float]] = {}
    for precision, overrides in precisions().items():
        config = config_of(shape, overrides)
        works[f"ours, {precision}"] = lambda config=config: step_seconds(config, NUM_STEPS)
    plain = PlainTraining(
        training_tokens(),
        default_corpus().vocabulary.size,
        cell=shape.cell,
        hidden_size=shape.hidden_size,
        batch_size=shape.batch_size,
        sequence_length=shape.sequence_length,
        embedding_size=shape.embedding_size,
        num_layers=shape.num_layers,
    )
    works["plain modules"] = peer_work(plain.step, PEER_STEPS)
    use_all_cores()
    return works


def _operations(shapes: Sequence[Shape], last: float) -> tuple[float, ...]:
    """Seconds in proportion to a character's operations, equal to `last` at the last shape."""
    vocabulary_size = default_corpus().vocabulary.size
    counts = []
    for shape in shapes:
        recurrent = config_of(shape).model.training_flops
        counts.append(recurrent + 3 * 2 * shape.hidden_size * vocabulary_size)
    return tuple(last * count / counts[-1] for count in counts)


def measure_corpus(megabytes: Sequence[float] = CORPUS_MEGABYTES) -> list[dict[str, float]]:
    """For every size: seconds of each stage, peak memory in bytes, seconds of a training step."""
    rows = []
    for size in megabytes:
        tell(f"corpus of {size:g} MB")
        command = [sys.executable, "-m", "benchmarks.corpus_preparation", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        tell(f"  {rows[-1]}")
    return rows


def main() -> None:
    """Measure and draw what is named, or everything."""
    names = sys.argv[1:] or [*AXES, "corpus"]
    unknown = sorted(set(names) - {*AXES, "corpus"})
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join([*AXES, 'corpus'])}")
    FOLDER.mkdir(exist_ok=True)
    machine = describe_machine()
    place = f"{machine['processor']}, {machine['cores in use']} cores, torch {machine['torch'].split(',')[0]}"
    for name in names:
        if name == "corpus":
            path = draw_corpus(measure_corpus(), place, FOLDER)
        else:
            path = draw_scaling(name, AXES[name].label, measure_axis(AXES[name]), _rest(name), place, FOLDER)
        print(path)


def _rest(name: str) -> str:
    """What stays the same while this grows."""
    values = {
        "hidden": f"hidden size {BASE.hidden_size}",
        "layers": "one layer",
        "batch": f"batch {BASE.batch_size}",
        "length": f"{BASE.sequence_length} characters",
    }
    return ", ".join(text for key, text in values.items() if key != name)


if __name__ == "__main__":
    main()
