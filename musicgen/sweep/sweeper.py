"""Hydra's sweeper `one_at_a_time`: a baseline and single changes of it, each with every seed.

It prints its plan, runs what the plan says in the order that shares most training, and records what a dead
process could not record itself. What the runs showed is worked out by whoever called Hydra, from the files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from musicgen.config import Config, StudyConfig, conf_folder, parse_config, plain_values, resolve
from musicgen.effects.joint import winning_levels
from musicgen.errors import InputError
from musicgen.records.command import reproducing_command
from musicgen.records.destination import MARK_OF_A_SWEEP, check_run_folder, holds_finished_run
from musicgen.records.identity import run_identity, training_identity
from musicgen.records.naming import override_text
from musicgen.records.record import FILE_NAME as RUN_FILE
from musicgen.records.record import RunRecord
from musicgen.records.runs import PLAN as PLAN_FILE
from musicgen.records.runs import level_cell
from musicgen.records.store import read_store
from musicgen.sweep.design import Arm, Star, composer, without_hydra
from musicgen.sweep.folders import SweepWatch
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.launcher import JobFailed, ProcessLauncher
from musicgen.sweep.other_launchers import absolute_paths, launch
from musicgen.sweep.plan import PlannedRun, Speeds, order_runs, write_plan
from musicgen.sweep.plan_table import print_plan
from musicgen.system.files import replace_atomically

if TYPE_CHECKING:
    from musicgen.corpus.config import DataConfig
    from musicgen.corpus.corpus import Corpus


class OneAtATimeSweeper(Sweeper):
    """Runs a star instead of Hydra's grid."""

    def __init__(self) -> None:
        """It has no settings: Hydra names the one that somebody brings from another sweeper."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives every sweeper."""
        self._config = config
        self._corpora = _Corpora()
        self._context = hydra_context
        self._compose = composer(hydra_context.config_loader, config)
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[JobReturn]:
        """Plan, print the plan and run it; with study.dry_run only the first two."""
        check_subdir(self._config)
        star = self._read_star(arguments)
        if isinstance(self._launcher, ProcessLauncher) and not star.study.dry_run:
            # Its imports take seconds, in which every arm is composed and the plan is made.
            start_fork_server()
        arms = star.arms(self._compose)
        runs = self._plan(arms, star)
        print_plan(runs, star.study)
        if star.study.dry_run:
            return []
        directory = Path(self._config.hydra.sweep.dir)
        missing = _missing(runs, directory)
        for name in (MARK_OF_A_SWEEP, PLAN_FILE):
            SweepWatch.made.expect_file(directory / name)
        directory.mkdir(parents=True, exist_ok=True)
        self._corpora.keep(Path(arms[0].config.paths.cache))
        with replace_atomically(directory / MARK_OF_A_SWEEP) as temporary:
            OmegaConf.save(self._config, temporary)
        write_plan(runs, directory)
        returns = self._run(missing, directory)
        if star.study.combine:
            more = self._plan_combined(star, arms, directory)
            write_plan([*runs, *more], directory)
            returns += self._run([*missing, *_missing(more, directory)], directory, first=len(missing))
        return returns

    def run_missing(self, star: Star, arms: Sequence[Arm], directory: Path) -> None:
        """Plan these arms with the star's seeds, and run what is not complete in the directory yet."""
        runs = self._plan(arms, star)
        print_plan(runs, star.study)
        missing = _missing(runs, directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_plan(runs, directory)
        self._run(missing, directory)

    def _read_star(self, arguments: Sequence[str]) -> Star:
        parser = OverridesParser.create(config_loader=self._context.config_loader)
        config = parse_config(without_hydra(self._config))
        _check_metrics(config.study)
        return Star.of(parser.parse_overrides(list(arguments)), config.study, config.seed)

    def _plan(self, arms: Sequence[Arm], star: Star) -> list[PlannedRun]:
        """Every arm with every seed, in the order of work."""
        runs = [
            self._corpora.identify(arm, resolve(arm.with_seed(seed))) for arm in arms for seed in star.seeds
        ]
        stored = read_store(Path(arms[0].config.paths.store))
        return order_runs(runs, Speeds([training.folder.about for training in stored]))

    def _plan_combined(self, star: Star, arms: Sequence[Arm], directory: Path) -> list[PlannedRun]:
        """The joint run of the best level of every parameter that has one, where there are several."""
        winning = winning_levels(directory, star.study.primary_metrics[0])
        winners = [
            arm
            for arm in arms
            if (change := arm.config.change) is not None
            and not arm.config.retuned
            and (change.parameter, level_cell(change.value)) in winning
        ]
        if len(winners) < 2:
            print(f"study.combine: {len(winners)} winning changes, nothing to combine")
            return []
        runs = self._plan([star.combine(self._compose, arms[0], winners)], star)
        print_plan(runs, star.study)
        return runs

    def _run(self, runs: Sequence[PlannedRun], directory: Path, first: int = 0) -> list[JobReturn]:
        """Launch the runs from number `first` on; every run has a record in the end.

        The local launcher knows when a training that others go on from is done. For any other one they go in
        waves.
        """
        launched, returns = runs[first:], []
        if isinstance(self._launcher, ProcessLauncher):
            self._launcher.announce([run.name for run in runs])
            numbers = {run.name: number for number, run in enumerate(runs)}
            follows = {
                numbers[run.name]: numbers[run.shares_with] for run in launched if run.shares_with in numbers
            }
            overrides = [_job_overrides(run, directory) for run in launched]
            returns += self._launcher.launch(overrides, first, follows)
        else:
            returns += self._run_elsewhere(launched, directory.absolute(), first)
        for run, job_return in zip(launched, returns, strict=True):
            if job_return.status != JobStatus.COMPLETED:
                _record_failure(run, directory / run.name, job_return, plain_values(self._config.hydra))
        return returns

    def _run_elsewhere(self, runs: Sequence[PlannedRun], directory: Path, first: int) -> list[JobReturn]:
        """Launch the runs in waves; raises JobFailed, or InputError where not even one of all runs began."""
        returns: list[JobReturn] = []
        try:
            for _, wave in groupby(runs, key=lambda run: run.wave):
                overrides = [
                    [*_job_overrides(run, directory), *absolute_paths(run.config.paths)] for run in wave
                ]
                returns += launch(self._launcher, overrides, first + len(returns))
        except JobFailed as failure:
            if not any(directory.rglob(RUN_FILE)):
                SweepWatch.made.take_back()
                raise InputError(str(failure)) from failure
            raise
        return returns


class _Corpora:
    """The corpora of a plan, each read once."""

    def __init__(self) -> None:
        self._read: dict[str, Corpus] = {}
        self._configs: dict[str, DataConfig] = {}

    def identify(self, arm: Arm, config: Config) -> PlannedRun:
        """A run of the arm with its identities; raises InputError where corpus, prompt or device are bad."""
        # torch and the corpus take seconds, which a wrong override should not wait for.
        from musicgen.corpus.corpus import load_corpus
        from musicgen.training.device import choose_device

        # How a corpus is split does not change its tunes.
        unsplit = repr(replace(config.data, split_seed=0))
        if unsplit not in self._read:
            self._configs[unsplit] = config.data
            self._read[unsplit] = load_corpus(config.data, config.paths.known_cache)
        corpus = self._read[unsplit]
        for prompt in config.sampling.read_prompts():
            corpus.vocabulary.encode_prompt(prompt)
        values = config.as_dict()
        training_id = training_identity(values, corpus.sha256, choose_device(config.device).type)
        return PlannedRun(arm.name, arm.overrides, config, training_id, run_identity(values, training_id))

    def keep(self, cache_dir: Path) -> None:
        """Leave them to the jobs."""
        from musicgen.corpus.corpus import load_corpus

        for config in self._configs.values():
            load_corpus(config, cache_dir)


def register() -> None:
    """Make the sweeper of conf/hydra/sweeper/one_at_a_time.yaml known to Hydra."""
    Plugins.instance().register(OneAtATimeSweeper)


def check_subdir(config: DictConfig) -> None:
    """Raise InputError for a hydra.sweep.subdir of the user's: arms and trials name their own folders."""
    default = OmegaConf.load(conf_folder() / "run.yaml")
    assert isinstance(default, DictConfig)
    given = plain_values(config.hydra.sweep)["subdir"]
    if given != plain_values(default.hydra.sweep)["subdir"]:
        raise InputError(
            f"hydra.sweep.subdir={given}: arms and trials name their own folders; hydra.sweep.dir is where "
            "they go, and hydra/sweeper=basic obeys hydra.sweep.subdir"
        )


def _check_metrics(study: StudyConfig) -> None:
    from musicgen.metrics.registry import METRICS

    for name in (*study.primary_metrics, *study.equivalence_margin):
        if name not in METRICS:
            raise InputError(f"study: {name} is no metric; allowed are {', '.join(METRICS)}")


def _job_overrides(run: PlannedRun, directory: Path) -> list[str]:
    change = None if run.change is None else asdict(run.change)
    return [
        *run.overrides,
        f"seed={run.config.seed}",
        f"change={override_text(change)}",
        f"retuned={override_text(run.config.retuned)}",
        f"hydra.sweep.dir={override_text(str(directory))}",
        f"hydra.sweep.subdir={override_text(run.name)}",
    ]


def _record_failure(
    run: PlannedRun, directory: Path, job_return: JobReturn, hydra: Mapping[str, Any]
) -> None:
    """Say in run.json why there is no result, where the run's own process could not."""
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


def _missing(runs: Sequence[PlannedRun], directory: Path) -> list[PlannedRun]:
    """The runs without a complete result in the directory yet.

    Raises InputError if the folder of one of them holds something else.
    """
    missing = [run for run in runs if not holds_finished_run(directory / run.name, run.run_id, run.config)]
    for run in missing:
        check_run_folder(directory / run.name, lambda run=run: run.config)
    return missing
