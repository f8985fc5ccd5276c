"""The findings of each run, and what a new finding can cite."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.effects.figures.style import metric_title
from musicgen.metrics.registry import HEADLINE
from musicgen.records.findings import Finding
from musicgen.records.runs import FoundRun, path_name
from musicgen.reporting.run_table import run_words
from musicgen.reporting.study_data import StudyData
from musicgen.system.words import counted


@dataclass(frozen=True, slots=True)
class RunFindings:
    """The findings about one run."""

    anchor: str
    """The id of their place on the page."""
    run_id: str
    words: str
    """The run's change and seed."""
    status: str
    findings: Sequence[Finding]
    command: str
    """Records a finding; the text is still to be filled in."""

    @property
    def count(self) -> str:
        """The number of findings, in words."""
        return count_words(len(self.findings))


@dataclass(frozen=True, slots=True)
class CitableEffects:
    """The effects a finding may cite: any of the parameters on any of the metrics."""

    parameters: Sequence[str]
    metrics: Sequence[tuple[str, str]]
    """(name, title), headline metrics first."""


def anchor_of(run_id: str) -> str:
    """The id of the place on the page that holds a run's findings."""
    return f"notes-{run_id}"


def count_words(number: int) -> str:
    """Such as "2 findings"."""
    return counted(number, "finding") if number else "no findings"


def findings_by_run(study: StudyData) -> dict[str, RunFindings]:
    """Run identity -> its findings, in the order of the runs table."""
    runs = {run.record.run_id: run for run in reversed(study.all_runs)}
    return {
        run_id: RunFindings(
            anchor_of(run_id),
            run_id,
            f"{run_words(run, study)}, seed {run.record.seed}",
            run.record.status,
            [finding for finding in study.findings if finding.run_id == run_id],
            f'python -m musicgen.note {shlex.quote(_directory_words(run, study.root))} "…"',
        )
        for run_id, run in reversed(runs.items())
    }


def _directory_words(run: FoundRun, root: Path) -> str:
    """The run's directory as a command names it; an absolute one without what is above the root."""
    if not run.directory.is_absolute():
        return str(run.directory)
    return (Path(root.name) / path_name(run.directory, root)).as_posix()


def citable_effects(study: StudyData) -> CitableEffects:
    """The parameters and metrics of the effects table."""
    metrics = dict.fromkeys(effect.metric for effect in study.effects)
    ordered = sorted(metrics, key=lambda name: (name not in study.primary_metrics, name not in HEADLINE))
    return CitableEffects(
        list(dict.fromkeys(effect.parameter for effect in study.effects)),
        [(name, metric_title(name)) for name in ordered],
    )
