"""Runs the planned runs of a sweep, by our launcher or another; afterwards every one of them has a record."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict, read_write

from musicgen.config import Config, override_texts, plain_values
from musicgen.errors import InputError
from musicgen.records.command import reproducing_command
from musicgen.records.naming import override_text
from musicgen.records.record import FILE_NAME as RUN_FILE
from musicgen.records.record import RunRecord
from musicgen.sweep.folders import command, show_live
from musicgen.sweep.job_queue import JobFailed, QueuedJob
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.other_launchers import absolute_paths, launch
from musicgen.sweep.plan import PlannedRun


def launch_runs(
    launcher: Launcher, config: DictConfig, runs: Sequence[PlannedRun], directory: Path, first: int = 0
) -> list[JobReturn]:
    """Launch the runs from number `first` on, below a directory; config: of the whole sweep.

    Raises JobFailed if another launcher failed, or InputError if not a single run of it was started.
    """
    launched = runs[first:]
    if isinstance(launcher, ProcessLauncher):
        returns = _run_planned(launcher, runs, directory, first)
    else:
        show_live(config)
        returns = _run_in_waves(launcher, launched, directory.absolute(), first)
    for run, job_return in zip(launched, returns, strict=True):
        if job_return.status != JobStatus.COMPLETED:
            _record_failure(run, directory / run.name, job_return, plain_values(config.hydra))
    return returns


def _run_planned(
    launcher: ProcessLauncher, runs: Sequence[PlannedRun], directory: Path, first: int
) -> list[JobReturn]:
    """Our own launcher takes the runs as they were planned."""
    launcher.announce([run.name for run in runs])
    numbers = {run.name: number for number, run in enumerate(runs)}
    jobs = {
        number: QueuedJob(
            run.overrides, partial(_job_configs, run, directory), numbers.get(run.shares_with or "")
        )
        for number, run in enumerate(runs)
        if number >= first
    }
    return launcher.run(jobs)


def _run_in_waves(
    launcher: Launcher, runs: Sequence[PlannedRun], directory: Path, first: int
) -> list[JobReturn]:
    """Other launchers take overrides, and do not know when a shared training is done."""
    returns: list[JobReturn] = []
    try:
        for _, wave in groupby(runs, key=lambda run: run.wave):
            overrides = [
                [*run.overrides, *_folder_overrides(run, directory), *absolute_paths(run.config.paths)]
                for run in wave
            ]
            returns += launch(launcher, overrides, first + len(returns))
    except JobFailed as failure:
        if not any(directory.rglob(RUN_FILE)):
            command.made.take_back()
            raise InputError(str(failure)) from failure
        raise
    return returns


def _folder_overrides(run: PlannedRun, directory: Path) -> list[str]:
    return [
        f"hydra.sweep.dir={override_text(str(directory))}",
        f"hydra.sweep.subdir={override_text(run.name)}",
    ]


def _job_configs(run: PlannedRun, directory: Path) -> tuple[DictConfig, Config]:
    """What Hydra would compose for the run from its overrides, made from its arm's; and the same typed."""
    composed = run.arm.composed.copy()
    composed.seed = run.config.seed
    with open_dict(composed):
        composed.change = None if run.change is None else asdict(run.change)
        composed.retuned = dict(run.config.retuned)
    hydra = composed.hydra
    with read_write(hydra):
        hydra.sweep.dir, hydra.sweep.subdir = str(directory), run.name
        hydra.overrides.task = run.overrides
        hydra.overrides.hydra = [*override_texts(hydra.overrides.hydra), *_folder_overrides(run, directory)]
    return composed, run.config


def _record_failure(
    run: PlannedRun, directory: Path, job_return: JobReturn, hydra: Mapping[str, Any]
) -> None:
    """Write into run.json why the run has no result, if its own process could not."""
    reason = str(getattr(job_return, "_return_value", "") or "no reason given")
    directory.mkdir(parents=True, exist_ok=True)
    try:
        record = RunRecord.read(directory)
    except InputError:
        record = RunRecord(
            run_id=run.run_id,
            training_id=run.training_id,
            status="running",
            seed=run.config.seed,
            config=run.config.as_dict(),
            command=reproducing_command(hydra, run.overrides),
            corpus={"name": run.config.data.name},
            change=run.change,
            retuned=run.config.retuned,
        )
    if record.status == "running":
        record.status, record.error = "failed", reason
        record.write(directory)
