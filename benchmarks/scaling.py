"""How cost grows with each size; draws a figure for each in benchmarks/figures/.

    python -m benchmarks.scaling [hidden batch length layers] [--draw]

Measures seconds per character of training, compared with the loop of a careful user
(benchmarks/peers/plain.py), and the cost of every size if each operation took as long as at our best size.
Measured values are kept in scaling.json; --draw draws them again.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.alternation import alternate, report_progress
from benchmarks.corpora import default_corpus, training_tokens
from benchmarks.machine import describe_machine, use_all_cores
from benchmarks.ours import Shape, config_of, precisions, step_seconds
from benchmarks.peers.plain import PlainTraining
from benchmarks.scaling_figures import Line, draw_scaling
from benchmarks.workloads.training import peer_work

FOLDER = Path(__file__).resolve().parent / "figures"
BASE = Shape("lstm", hidden_size=256, batch_size=16, sequence_length=100)
NUM_REPEATS = 3
WARM_UP_STEPS = 3
OPERATIONS = 5e10
"""Operations per repeat, which determine its number of steps within the limits STEPS."""
STEPS = (3, 30)


@dataclass(frozen=True)
class Axis:
    """A field of BASE that varies."""

    label: str
    field: str
    sizes: Sequence[int]


AXES = {
    "hidden": Axis("hidden size", "hidden_size", (64, 128, 256, 512, 1024, 2048)),
    "batch": Axis("batch size", "batch_size", (1, 2, 4, 8, 16, 32, 64)),
    "length": Axis("sequence length", "sequence_length", (50, 100, 200, 350, 500)),
    "layers": Axis("number of layers", "num_layers", (1, 2, 3)),
}


def measure_axis(axis: Axis, num_repeats: int = NUM_REPEATS) -> dict[str, dict[str, Line]]:
    """Cell -> side -> seconds per character for every size; "operations" is computed from operations only."""
    found: dict[str, dict[str, Line]] = {}
    for cell in ("lstm", "gru"):
        points: dict[str, list[float]] = {}
        shapes = [replace(BASE, cell=cell, **{axis.field: size}) for size in axis.sizes]
        for shape in shapes:
            report_progress(f"{shape}")
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
    """Operations per character of training, in recurrent layers and output layer."""
    output = 3 * 2 * shape.hidden_size * default_corpus().vocabulary.size
    return config_of(shape).model.training_flops + output


def _operations_alone(shapes: Sequence[Shape], ours: Line) -> tuple[float, ...]:
    """Seconds for every size if each operation took as long as at our best size."""
    counts = [_operations(shape) for shape in shapes]
    least = min(value / count for value, count in zip(ours.values, counts, strict=True))
    return tuple(least * count for count in counts)


def main() -> None:
    """Measure and draw the named sizes, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description="Measure how cost grows."
    )
    names = list(AXES)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--draw", action="store_true", help="draw earlier measurements")
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
    """Measure; returns JSON values."""
    return {
        cell: {side: asdict(line) for side, line in sides.items()}
        for cell, sides in measure_axis(AXES[name]).items()
    }


def _draw(name: str, values: Any, place: str) -> Path:
    lines = {
        cell: {side: Line(tuple(line["sizes"]), tuple(line["values"])) for side, line in sides.items()}
        for cell, sides in values.items()
    }
    return draw_scaling(name, AXES[name].label, lines, _rest(name), place, FOLDER)


def _place() -> str:
    """The machine, for the figure's footer."""
    machine = describe_machine()
    return f"{machine['processor']}, {machine['cores in use']} cores, torch {machine['torch'].split(',')[0]}"


def _rest(name: str) -> str:
    """Describe the sizes that stay constant."""
    values = {
        "hidden": f"hidden size {BASE.hidden_size}",
        "layers": "one layer",
        "batch": f"batch {BASE.batch_size}",
        "length": f"{BASE.sequence_length} characters",
    }
    return ", ".join(text for key, text in values.items() if key != name)


if __name__ == "__main__":
    main()
