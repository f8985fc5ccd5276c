"""What one process does with the trials of a search, with its own storage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from optuna.trial import TrialState

from musicgen.config import compose_config, resolve
from musicgen.errors import InputError
from musicgen.records.record import FILE_NAME
from musicgen.search.claims import Search
from musicgen.search.halving import Halving
from musicgen.search.objective import Objective, objectives_of
from musicgen.search.space import Space
from musicgen.search.storage import Database, open_database
from musicgen.search.work import Worker, directory_of, trials_of
from musicgen.sweep.job_queue import JobFailed, NextJob, QueuedJob
from musicgen.sweep.launcher import ProcessLauncher
from tests.records.made_runs import LOSS, RATE, made_run

SPACE = Space.of(OverridesParser.create().parse_overrides(["training.learning_rate=interval(0.001,0.01)"]))
BOTH = objectives_of([LOSS, RATE], None)
Ending = Mapping[str, float | None] | JobFailed | None
"""Metrics of a run, or why it failed; None if it leaves no record."""


BASELINE = compose_config(["data=file", "data.path=tunes.abc"])


class Runs:
    """Ends every job at once, in the way that is given."""

    def __init__(self, folder: Path, ending: Ending) -> None:
        self._folder, self._ending = folder, ending
        self.together: list[int] = []
        """How many jobs each launch had."""

    def do(self, overrides: Sequence[str]) -> JobReturn:
        if isinstance(self._ending, JobFailed):
            return JobReturn(status=JobStatus.FAILED, _return_value=self._ending)
        if self._ending is None:
            return JobReturn(status=JobStatus.COMPLETED, _return_value=1.5)
        (name,) = (text.partition("=")[2] for text in overrides if "sweep.subdir" in text)
        directory = self._folder / name.strip("'\"")
        directory.mkdir(parents=True, exist_ok=True)
        record = made_run(directory, metrics=self._ending).record
        record.reasons = {metric: "no tune ended" for metric, value in self._ending.items() if value is None}
        record.write(directory)
        return JobReturn(status=JobStatus.COMPLETED, _return_value=1.5)


class OnDemand(ProcessLauncher):
    """Our launcher, with jobs that are not processes."""

    def __init__(self, runs: Runs, num_places: int = 1) -> None:
        super().__init__()
        self._runs, self._num_places = runs, num_places

    def job(self, overrides: Sequence[str], ended: object = None) -> QueuedJob:
        return QueuedJob(list(overrides), lambda: pytest.fail("never composed"), ended=ended)  # type: ignore[arg-type]

    def run_on_demand(self, next_job: NextJob) -> None:
        running: list[QueuedJob] = []
        while True:
            while len(running) < self._num_places and (found := next_job()) is not None:
                running.append(found[1])
            self._runs.together.append(len(running))
            if not running:
                return
            job = running.pop(0)
            assert job.ended is not None
            job.ended(self._runs.do(job.overrides))


class Batches(Launcher):
    """Another launcher."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def setup(self, **_: object) -> None:
        """Needs nothing."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        self._runs.together.append(len(job_overrides))
        return [self._runs.do(overrides) for overrides in job_overrides]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


def opened(
    database: Database, objectives: Sequence[Objective] = BOTH, halving: Halving | None = None
) -> Search:
    return Search(
        database,
        "mine",
        SPACE,
        {},
        lambda number: optuna.samplers.RandomSampler(seed=number),
        (halving or Halving(60)).pruner(),
        [objective.direction for objective in objectives],
    )


def work(
    database: Database,
    launcher: Launcher,
    folder: Path,
    objectives: Sequence[Objective] = BOTH,
    halving: Halving | None = None,
    num_parallel: int = 2,
) -> Search:
    """Let a process work until there are three trials; returns the search."""
    search, halving = opened(database, objectives, halving), halving or Halving(60)
    worker = Worker(search, launcher, SPACE, halving, objectives, folder, BASELINE, lambda _: BASELINE)
    worker.run(3, num_parallel)
    return search


GOOD = {LOSS: 1.5, RATE: 0.25}


def test_a_trial_has_the_value_of_each_objective(database: Database, tmp_path: Path) -> None:
    search = work(database, OnDemand(Runs(tmp_path, GOOD)), tmp_path)
    assert [trial.values for trial in search.trials] == [[1.5, 0.25]] * 3
    found = trials_of(search, "mine", BOTH, SPACE, seed=0)
    assert [trial.values for trial in found.trials] == [(1.5, 0.25)] * 3
    assert [trial.directory for trial in found.trials] == [directory_of(number, 0) for number in range(3)]


def test_a_metric_without_a_value_fails_the_trial(database: Database, tmp_path: Path) -> None:
    search = work(database, OnDemand(Runs(tmp_path, {LOSS: 1.5, RATE: None})), tmp_path)
    assert [trial.state for trial in search.trials] == [TrialState.FAIL] * 3
    assert search.trials[0].user_attrs["error"] == f"{RATE} has no value: no tune ended"


def test_a_metric_that_is_not_measured_fails_the_trial(database: Database, tmp_path: Path) -> None:
    search = work(database, OnDemand(Runs(tmp_path, {LOSS: 1.5})), tmp_path)
    assert search.trials[0].user_attrs["error"] == f"{RATE} has no value: this run does not measure it"


def test_a_trial_without_a_record_fails(database: Database, tmp_path: Path) -> None:
    search = work(database, OnDemand(Runs(tmp_path, None)), tmp_path)
    assert search.trials[0].user_attrs["error"] == "its run.json cannot be read"


def test_a_full_disk_does_not_fail_trials(database: Database, tmp_path: Path) -> None:
    full = JobFailed("/a/run.json: No space left on device", "builtins.OSError")
    with pytest.raises(InputError, match=r"No space left on device; fix that and run the same command again"):
        work(database, OnDemand(Runs(tmp_path, full)), tmp_path)
    database.locks.close()
    search = work(database, OnDemand(Runs(tmp_path, GOOD)), tmp_path)
    assert [(trial.number, trial.state) for trial in search.trials] == [
        (number, TrialState.COMPLETE) for number in range(3)
    ]


def test_a_problem_lets_running_jobs_end(database: Database, tmp_path: Path) -> None:
    full = JobFailed("/a/run.json: No space left on device", "builtins.OSError")
    runs = Runs(tmp_path, full)
    with pytest.raises(InputError, match="No space left"):
        work(database, OnDemand(runs, num_places=2), tmp_path)
    # Two run, the first fails, the second ends, and no third one starts.
    assert runs.together == [2, 1, 0]


def test_a_failed_trial_does_not_end_the_search(database: Database, tmp_path: Path) -> None:
    missing = JobFailed("no such file", "builtins.FileNotFoundError")
    search = work(database, OnDemand(Runs(tmp_path, missing)), tmp_path)
    assert [trial.state for trial in search.trials] == [TrialState.FAIL] * 3


def test_no_more_trials_run_than_n_jobs_allows(database: Database, tmp_path: Path) -> None:
    runs = Runs(tmp_path, GOOD)
    work(database, OnDemand(runs, num_places=8), tmp_path, num_parallel=2)
    assert runs.together == [2, 2, 1, 0]


@pytest.mark.parametrize("is_its_own", [True, False])
def test_a_run_that_was_complete_before_a_crash_is_not_repeated(
    is_its_own: bool, database: Database, tmp_path: Path
) -> None:
    assert opened(database).claim(3) is not None
    directory = tmp_path / directory_of(0, 0)
    directory.mkdir(parents=True)
    record = made_run(directory, metrics={LOSS: 1.25, RATE: 0.5}).record
    other = replace(BASELINE.sampling, temperature=0.1)
    record.config = resolve(BASELINE if is_its_own else replace(BASELINE, sampling=other)).as_dict()
    record.write(directory)
    # The process dies.
    database.locks.close()
    search = work(database, OnDemand(Runs(tmp_path, GOOD)), tmp_path)
    assert search.trials[0].values == ([1.25, 0.5] if is_its_own else [1.5, 0.25])


def test_a_run_of_an_earlier_search_is_left_as_it_is(database: Database, tmp_path: Path) -> None:
    Runs(tmp_path, GOOD).do([f"hydra.sweep.subdir={directory_of(1, 0)}"])
    file = tmp_path / directory_of(1, 0) / FILE_NAME
    before = file.read_bytes()
    search = work(database, OnDemand(Runs(tmp_path, JobFailed("already complete", "InputError"))), tmp_path)
    assert [trial.state for trial in search.trials] == [TrialState.FAIL] * 3
    assert file.read_bytes() == before


def test_other_launchers_get_batches(database: Database, tmp_path: Path) -> None:
    runs = Runs(tmp_path, GOOD)
    search = work(database, Batches(runs), tmp_path)
    assert runs.together == [2, 1]
    assert [trial.state for trial in search.trials] == [TrialState.COMPLETE] * 3


@pytest.mark.parametrize("kind", [OnDemand, Batches])
def test_a_trial_is_judged_on_each_rung(
    kind: type[OnDemand | Batches], database: Database, tmp_path: Path
) -> None:
    halving = Halving(60, reduction_factor=3, num_rungs=2)
    alone = objectives_of(LOSS, None)
    search = work(database, kind(Runs(tmp_path, GOOD)), tmp_path, alone, halving)
    # Equal losses: each is as good as the best, so all continue.
    assert [trial.values for trial in search.trials] == [[1.5]] * 3
    assert [dict(trial.intermediate_values) for trial in search.trials] == [{7: 1.5, 21: 1.5}] * 3
