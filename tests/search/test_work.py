"""What one process does with the trials of a search, on a database of its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from optuna.trial import TrialState

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.search.claims import Search
from musicgen.search.halving import Halving
from musicgen.search.space import Space
from musicgen.search.storage import Database, open_database
from musicgen.search.work import Worker
from musicgen.sweep.job_queue import JobFailed
from musicgen.sweep.launcher import ProcessLauncher

SPACE = Space.of(OverridesParser.create().parse_overrides(["training.learning_rate=interval(0.001,0.01)"]))


class Launcher(ProcessLauncher):
    """Ends every job at once, in the way that is given."""

    def __init__(self, ending: float | JobFailed) -> None:
        super().__init__()
        self._ending = ending

    def launch(
        self,
        job_overrides: Sequence[Sequence[str]],
        initial_job_idx: int,
    ) -> list[JobReturn]:
        is_failed = isinstance(self._ending, JobFailed)
        ended = JobReturn(status=JobStatus.FAILED if is_failed else JobStatus.COMPLETED)
        ended.return_value = self._ending
        return [ended for _ in job_overrides]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/search.sqlite")
    yield opened
    opened.close()


def work(database: Database, folder: Path, ending: float | JobFailed) -> Search:
    """Let a process work until there are three trials; returns the search."""
    search = Search(
        database,
        "mine",
        SPACE,
        {},
        lambda number: optuna.samplers.RandomSampler(seed=number),
        optuna.pruners.NopPruner(),
    )
    baseline = compose_config(["data=file", "data.path=tunes.abc"])
    Worker(search, Launcher(ending), SPACE, Halving(60), folder, baseline).run(3, 2)
    return search


def test_a_full_disk_does_not_fail_trials(database: Database, tmp_path: Path) -> None:
    full = JobFailed("/a/run.json: No space left on device", "builtins.OSError")
    with pytest.raises(InputError, match=r"No space left on device; fix that and run the same command again"):
        work(database, tmp_path, full)
    database.locks.close()
    search = work(database, tmp_path, 1.5)
    assert [(trial.number, trial.state) for trial in search.trials] == [
        (number, TrialState.COMPLETE) for number in range(3)
    ]


def test_a_failed_trial_does_not_end_the_search(database: Database, tmp_path: Path) -> None:
    search = work(database, tmp_path, JobFailed("no such file", "builtins.FileNotFoundError"))
    assert [trial.state for trial in search.trials] == [TrialState.FAIL] * 3
