"""A study of iterations, temperatures and prompts beside its points as separate processes."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alternation import Comparison, alternate, tell
from benchmarks.ours import run_alone, run_command
from benchmarks.report import Part, Row
from benchmarks.workloads.sweep import NETWORK, of_full

SHARES = (0.25, 0.5, 0.75)
"""Of the baseline's iterations: the levels lie on its way."""
TEMPERATURES = (0.25, 0.5, 0.75, 1.25, 1.5)
"""The baseline has 1."""
PROMPTS = (
    r'["X:1\nT:The"]',
    r'["X:1\nM:6/8\nL:1/8\nK:D\n"]',
    r'["X:1\nM:C\nL:1/8\nK:G\n"]',
    r'["X:1\nM:C\nL:1/8\nK:Am\n"]',
)
"""As a command line has them; the baseline has "X"."""


@dataclass(frozen=True)
class Kind:
    """Points of the study whose processes do the same work, but for a number or a text."""

    name: str
    levels: Sequence[str]
    """Overrides, one a point."""


def kinds(num_iterations: int) -> list[Kind]:
    """The baseline, the iterations, the temperatures, the prompts."""
    levels = [round(share * num_iterations) for share in SHARES]
    return [
        Kind("baseline", ["training.schedule=constant"]),
        Kind("iterations", [f"training.num_iterations={level}" for level in levels]),
        Kind("temperatures", [f"sampling.temperature={level}" for level in TEMPERATURES]),
        Kind("prompts", [f"sampling.prompts={level}" for level in PROMPTS]),
    ]


def measure(
    num_repeats: int, num_iterations: int, settings: Sequence[str] = NETWORK, *, every_point: bool
) -> Part:
    """One star-shaped study; of the separate processes all, or one of each kind and its seconds × points."""
    points = sum(len(kind.levels) for kind in kinds(num_iterations))
    name = f"{points} points: baseline {num_iterations} iterations, 3 fewer, 5 temperatures, 4 prompts"
    tell(f"study: {name}")
    base = f"training.num_iterations={num_iterations}"

    def ours() -> float:
        swept = [
            f"{kind.levels[0].partition('=')[0]}={','.join(level.partition('=')[2] for level in kind.levels)}"
            for kind in kinds(num_iterations)
            if kind.name != "baseline"
        ]
        with tempfile.TemporaryDirectory() as folder:
            study = ["--multirun", *settings, f'study.baseline=["{base}"]', *swept]
            return run_command(*study, folder=Path(folder))[1]

    def separate() -> float:
        seconds = 0.0
        for kind in kinds(num_iterations):
            # The level in the middle stands for its kind.
            measured = kind.levels if every_point else [kind.levels[len(kind.levels) // 2]]
            each = [run_alone(*settings, base, level) for level in measured]
            seconds += sum(each) / len(each) * len(kind.levels)
        return seconds

    timings = alternate({"ours": ours, "separate processes": separate}, num_repeats)
    comparison = Comparison(timings["ours"], timings["separate processes"])
    return Part(
        title="Study",
        text=_text(num_iterations, points, every_point, settings),
        rows=[Row(name, "one study", "separate processes", comparison, "study", 8, 15)],
    )


def _text(num_iterations: int, points: int, every_point: bool, settings: Sequence[str]) -> str:
    how = (
        f"All {points} processes were run."
        if every_point
        else "One process of each kind was run and represents its kind."
    )
    shares = ", ".join(f"{share:g}" for share in SHARES)
    return (
        f"`python -m musicgen.train --multirun {' '.join(settings)} …` with {num_iterations} iterations in "
        f"the baseline{of_full(num_iterations)}: {shares} of them, five other temperatures, four other "
        "prompts, a constant learning rate, one seed. The peer is `python -m musicgen.train` for each of the "
        f"{points} points, one after another, each with a separate output tree: nothing is shared. Both "
        "sides do the whole job: training, sampling, metrics and their reference, audio, scores, Comet "
        f"archives. {how}"
    )
