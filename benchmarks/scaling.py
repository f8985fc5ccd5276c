"""How cost grows with the size of each thing, one figure each in benchmarks/figures/.

    python -m benchmarks.scaling [hidden batch length layers corpus] [--draw]

Seconds for a character of training beside the careful user's loop (benchmarks/peers/plain.py), and what
every size would cost if each operation took as long as at the size where ours takes it least. For the corpus:
seconds and memory of preparing it, and the training step, which must not change. Measured values stay in
scaling.json; --draw only draws them again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

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
WARM_UP_STEPS = 3
OPERATIONS = 5e10
"""Of a repeat: as many steps as have so many, but not fewer or more than STEPS."""
STEPS = (3, 30)


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
    "layers": Axis("number of layers", "num_layers", (1, 2, 3)),
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
        lines["operations"] = Line(tuple(axis.sizes), _operations_alone(shapes, next(iter(lines.values()))))
        found[cell] = lines
    return found


def _works(shape: Shape) -> Mapping[str, Callable[[], float]]:
    works: dict[str, Callable[[], float]] = {}
    step_operations = _operations(shape) * shape.batch_size * shape.sequence_length
    num_steps = min(max(round(OPERATIONS / step_operations), STEPS[0]), STEPS[1])
    for precision, overrides in precisions().items():
        config = config_of(shape, overrides)
        works[f"ours, {precision}"] = lambda config=config: step_seconds(config, num_steps, WARM_UP_STEPS)
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
    works["plain modules"] = peer_work(plain.step, num_steps)
    use_all_cores()
    return works


def _operations(shape: Shape) -> float:
    """Of training on a character: recurrent layers and output layer."""
    output = 3 * 2 * shape.hidden_size * default_corpus().vocabulary.size
    return config_of(shape).model.training_flops + output


def _operations_alone(shapes: Sequence[Shape], ours: Line) -> tuple[float, ...]:
    """Seconds at every size if an operation took what it takes where it takes least."""
    counts = [_operations(shape) for shape in shapes]
    least = min(value / count for value, count in zip(ours.values, counts, strict=True))
    return tuple(least * count for count in counts)


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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description="How cost grows.")
    # First, since a process that is started takes over the highest memory of the one that starts it.
    names = ["corpus", *AXES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--draw", action="store_true", help="draw what was measured before")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in names:
            parser.error(f"{name}: allowed are {', '.join(names)}")
    FOLDER.mkdir(exist_ok=True)
    data = FOLDER / "scaling.json"
    known = json.loads(data.read_text(encoding="utf-8")) if data.exists() else {}
    for name in arguments.names or names:
        if not arguments.draw:
            known[name] = {"place": _place(), "values": _measure(name)}
            data.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        if name in known:
            print(_draw(name, known[name]["values"], known[name]["place"]))


def _measure(name: str) -> object:
    """Measured values as plain ones."""
    if name == "corpus":
        return measure_corpus()
    return {
        cell: {side: asdict(line) for side, line in sides.items()}
        for cell, sides in measure_axis(AXES[name]).items()
    }


def _draw(name: str, values: Any, place: str) -> Path:
    if name == "corpus":
        return draw_corpus(values, place, FOLDER)
    lines = {
        cell: {side: Line(tuple(line["sizes"]), tuple(line["values"])) for side, line in sides.items()}
        for cell, sides in values.items()
    }
    return draw_scaling(name, AXES[name].label, lines, _rest(name), place, FOLDER)


def _place() -> str:
    """Where it was measured, for the figure's foot."""
    machine = describe_machine()
    return f"{machine['processor']}, {machine['cores in use']} cores, torch {machine['torch'].split(',')[0]}"


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
