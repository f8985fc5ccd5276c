"""The findings beside their runs, and what a new one can say."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.effects.figures.style import metric_title
from musicgen.metrics.registry import HEADLINE
from musicgen.records.findings import Finding
from musicgen.records.runs import FoundRun, directory_name
from musicgen.reporting.labels import run_words
from musicgen.reporting.material import Material


@dataclass(frozen=True, slots=True)
class RunNotes:
    """What was written down about one run."""

    anchor: str
    """The place on the page."""
    run_id: str
    words: str
    """Its change and seed."""
    status: str
    findings: Sequence[Finding]
    command: str
    """That writes a finding down; the words are still to be put in."""

    @property
    def count(self) -> str:
        """How many findings, in words."""
        return count_words(len(self.findings))


@dataclass(frozen=True, slots=True)
class Citable:
    """The effects that a finding can rest on: any of the parameters on any of the metrics."""

    parameters: Sequence[str]
    metrics: Sequence[tuple[str, str]]
    """(name, title), headline metrics first."""


def anchor_of(run_id: str) -> str:
    """The place on the page of what was written about a run."""
    return f"notes-{run_id}"


def count_words(number: int) -> str:
    """Such as "2 findings"."""
    return f"{number or 'no'} finding{'' if number == 1 else 's'}"


def notebook(material: Material) -> list[RunNotes]:
    """One for each run identity, in the order of the runs table."""
    runs = {run.record.run_id: run for run in reversed(material.all_runs)}
    return [
        RunNotes(
            anchor_of(run_id),
            run_id,
            f"{run_words(run, material)}, seed {run.record.seed}",
            run.record.status,
            [finding for finding in material.findings if finding.run_id == run_id],
            f'python -m musicgen.note {shlex.quote(_named(run, material.root))} "…"',
        )
        for run_id, run in reversed(runs.items())
    ]


def _named(run: FoundRun, root: Path) -> str:
    """The run's directory as a command names it; of an absolute one only what is at or below the root."""
    if not run.directory.is_absolute():
        return str(run.directory)
    return (Path(root.name) / directory_name(run, root)).as_posix()


def citable(material: Material) -> Citable:
    """The parameters and metrics of the effects table."""
    metrics = dict.fromkeys(effect.metric for effect in material.effects)
    ordered = sorted(metrics, key=lambda name: (name not in material.primary_metrics, name not in HEADLINE))
    return Citable(
        list(dict.fromkeys(effect.parameter for effect in material.effects)),
        [(name, metric_title(name)) for name in ordered],
    )
