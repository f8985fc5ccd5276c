"""Hydra's sweeper `one_at_a_time`: a baseline and single changes of it, each with every seed.

It prints its plan, launches the runs, and writes the record of a run whose process died before it could. The
command summarises the results afterwards, from the files (see finish.py). With study.stages, a second sweep
in a subfolder runs the most promising changes again, with fresh seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from musicgen.config import (
    Config,
    StudyConfig,
    override_texts,
    parse_config,
    plain_values,
    resolve,
)
from musicgen.corpus.vocabulary import Vocabulary
from musicgen.effects.joint import winning_levels
from musicgen.errors import InputError
from musicgen.notation.spelling import Spelling
from musicgen.records.command import reproducing_command
from musicgen.records.destination import (
    CONFIRMATION,
    MADE_BY_HYDRA,
    MARK_OF_A_SWEEP,
    check_run_folder,
    holds_finished_run,
)
from musicgen.records.identity import run_identity, training_identity
from musicgen.records.naming import override_text
from musicgen.records.record import FILE_NAME as RUN_FILE
from musicgen.records.record import RunRecord
from musicgen.records.runs import PLAN as PLAN_FILE
from musicgen.records.runs import level_cell, read_rows
from musicgen.records.store import read_store
from musicgen.sweep.design import PlannedArm, StudyDesign, composer, without_hydra
from musicgen.sweep.folders import command
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.job_queue import JobFailed, QueuedJob
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.live import show_live
from musicgen.sweep.other_launchers import absolute_paths, launch
from musicgen.sweep.plan import (
    PlannedRun,
    Speeds,
    describe_second_stage,
    order_runs,
    print_plan,
    write_plan,
)
from musicgen.system.conf import conf_folder
from musicgen.system.files import replace_atomically

if TYPE_CHECKING:
    from musicgen.corpus.config import DataConfig
    from musicgen.corpus.corpus import Corpus


class OneAtATimeSweeper(Sweeper):
    """Runs a one-at-a-time study instead of Hydra's grid."""

    def __init__(self) -> None:
        """Without this, Hydra would accept the settings of other sweepers."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives every sweeper."""
        self._config, self._context, self._task_function = config, hydra_context, task_function
        self._corpora = _Corpora()
        self._loader = hydra_context.config_loader
        self._compose = composer(self._loader, config)
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[JobReturn]:
        """Plan, print the plan and run it; with study.dry_run stop after printing."""
        check_subdir(self._config)
        design = self._read_design(arguments)
        if isinstance(self._launcher, ProcessLauncher) and not design.study.dry_run:
            # Its imports take seconds, as long as composing the arms and planning the runs.
            start_fork_server()
        written = design.arms(self._compose)
        arms = [with_fixed_start(arm) for arm in written]
        runs = self._plan(arms, design)
        print_plan(runs, design.study)
        if design.study.stages is not None:
            print(describe_second_stage(runs, design.study.stages, self._speeds(arms)))
        if design.study.dry_run:
            return []
        directory = Path(self._config.hydra.sweep.dir)
        missing = _missing(runs, directory)
        for name in (MARK_OF_A_SWEEP, PLAN_FILE):
            command.made.expect_file(directory / name)
        directory.mkdir(parents=True, exist_ok=True)
        self._corpora.keep(Path(arms[0].config.paths.cache))
        with replace_atomically(directory / MARK_OF_A_SWEEP) as temporary:
            OmegaConf.save(self._config, temporary)
        if design.study.stages is None:
            return self._run_study(runs, missing, design, arms, directory)
        write_plan(runs, directory)
        returns = self._run(missing, directory)
        # Import late: tables and figures take a moment, and a wrong override should fail at once.
        from musicgen.sweep.finish import choose_changes

        chosen, fresh = choose_changes(directory, design.study.stages)
        if not chosen:
            return returns
        keys = {change.key for change in chosen}
        # As written: a start that was fixed for the first stage is a separate override.
        going_on = [
            arm
            for arm, fixed in zip(written, arms, strict=True)
            if fixed.config.change is not None and fixed.config.change.key in keys
        ]
        second = design.confirming(going_on, range(fresh, fresh + design.study.stages.seeds))
        arms = [with_fixed_start(arm) for arm in second.arms(self._compose)]
        return returns + run_study(
            second, arms, directory / CONFIRMATION, self._context, self._task_function, self._config
        )

    def run_missing(
        self, design: StudyDesign, arms: Sequence[PlannedArm], directory: Path
    ) -> list[JobReturn]:
        """Plan these arms with the design's seeds, and run what the directory does not hold yet."""
        runs = self._plan(arms, design)
        print_plan(runs, replace(design.study, question=None))
        missing = _missing(runs, directory)
        directory.mkdir(parents=True, exist_ok=True)
        return self._run_study(runs, missing, design, arms, directory)

    def _run_study(
        self,
        runs: Sequence[PlannedRun],
        missing: Sequence[PlannedRun],
        design: StudyDesign,
        arms: Sequence[PlannedArm],
        directory: Path,
    ) -> list[JobReturn]:
        """The missing runs, then the winners together if the study asks for that."""
        write_plan(runs, directory)
        returns = self._run(missing, directory)
        if design.study.combine:
            more = self._plan_combined(design, arms, directory)
            missing_too = _missing(more, directory)
            write_plan([*runs, *more], directory)
            returns += self._run([*missing, *missing_too], directory, first=len(missing))
        return returns

    def _read_design(self, arguments: Sequence[str]) -> StudyDesign:
        parser = OverridesParser.create(config_loader=self._loader)
        config = parse_config(without_hydra(self._config))
        _check_metrics(config.study)
        design = StudyDesign.of(parser.parse_overrides(list(arguments)), config.study, config.seed)
        _check_stages(design)
        return design

    def _plan(self, arms: Sequence[PlannedArm], design: StudyDesign) -> list[PlannedRun]:
        """Every arm with every seed, in the order of work."""
        runs = [self._corpora.identify(arm, seed) for arm in arms for seed in design.seeds]
        return order_runs(runs, self._speeds(arms))

    def _speeds(self, arms: Sequence[PlannedArm]) -> Speeds:
        stored = read_store(Path(arms[0].config.paths.store))
        return Speeds([training.folder.about for training in stored])

    def _plan_combined(
        self, design: StudyDesign, arms: Sequence[PlannedArm], directory: Path
    ) -> list[PlannedRun]:
        """The runs that combine the best level of every parameter that has one, if there are several."""
        winning = winning_levels(directory, design.study.primary_metrics[0])
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
        runs = self._plan([design.combine(self._compose, arms[0], winners)], design)
        print_plan(runs, design.study)
        return runs

    def _run(self, runs: Sequence[PlannedRun], directory: Path, first: int = 0) -> list[JobReturn]:
        """Launch the runs from number `first` on; afterwards every one of them has a record."""
        launched = runs[first:]
        if isinstance(self._launcher, ProcessLauncher):
            returns = self._run_planned(self._launcher, runs, directory, first)
        else:
            returns = self._run_in_waves(launched, directory.absolute(), first)
        for run, job_return in zip(launched, returns, strict=True):
            if job_return.status != JobStatus.COMPLETED:
                _record_failure(run, directory / run.name, job_return, plain_values(self._config.hydra))
        return returns

    def _run_planned(
        self, launcher: ProcessLauncher, runs: Sequence[PlannedRun], directory: Path, first: int
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

    def _run_in_waves(self, runs: Sequence[PlannedRun], directory: Path, first: int) -> list[JobReturn]:
        """Other launchers take overrides, and do not know when a shared training is done.

        Raises JobFailed, or InputError if not a single run was started.
        """
        returns: list[JobReturn] = []
        show_live(self._config)
        try:
            for _, wave in groupby(runs, key=lambda run: run.wave):
                overrides = [
                    [*run.overrides, *_folder_overrides(run, directory), *absolute_paths(run.config.paths)]
                    for run in wave
                ]
                returns += launch(self._launcher, overrides, first + len(returns))
        except JobFailed as failure:
            if not any(directory.rglob(RUN_FILE)):
                command.made.take_back()
                raise InputError(str(failure)) from failure
            raise
        return returns


def run_study(
    design: StudyDesign,
    arms: Sequence[PlannedArm],
    directory: Path,
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[JobReturn]:
    """Run a study as a separate sweep in the directory, such as what confirms a first stage or a search."""
    config = config.copy()
    with read_write(config.hydra):
        config.hydra.sweep.dir = str(directory)
    sweeper = OneAtATimeSweeper()
    sweeper.setup(hydra_context=context, task_function=task_function, config=config)
    return sweeper.run_missing(design, arms, directory)


class _Corpora:
    """The corpora of a plan, each read once."""

    def __init__(self) -> None:
        self._read: dict[str, Corpus] = {}
        self._configs: dict[str, DataConfig] = {}
        self._vocabularies: dict[tuple[str, Spelling, str], Vocabulary] = {}

    def identify(self, arm: PlannedArm, seed: int) -> PlannedRun:
        """A run of the arm with its identities; raises InputError for a bad corpus, prompt or device."""
        config = arm.with_seed(seed)
        # Imported late: a wrong override should fail at once, and torch and the corpus take seconds.
        from musicgen.corpus.corpus import load_corpus
        from musicgen.run.start import load_start
        from musicgen.sampling.prompts import plan_prompts
        from musicgen.training.device import choose_device

        start = load_start(config)
        # The tunes of a corpus do not depend on its split.
        unsplit = repr(replace(config.data, split_seed=0))
        if unsplit not in self._read:
            self._configs[unsplit] = config.data
            self._read[unsplit] = load_corpus(config.data, config.paths.known_cache)
        corpus = self._read[unsplit]
        plan_prompts(
            config.sampling,
            corpus.headers,
            self._vocabulary(unsplit, config.model.spelling, start.characters if start else ""),
        )
        config = resolve(config)
        values, device = config.as_dict(), choose_device(config.device).type
        training_id = training_identity(values, corpus.sha256, device, start.identity if start else None)
        return PlannedRun(arm, config, training_id, run_identity(values, training_id))

    def _vocabulary(self, unsplit: str, spelling: Spelling, known_characters: str) -> Vocabulary:
        key = unsplit, spelling, known_characters
        if key not in self._vocabularies:
            spelled = map(spelling.spell, self._read[unsplit].part("train"))
            self._vocabularies[key] = Vocabulary.of(spelled, spelling, known_characters)
        return self._vocabularies[key]

    def keep(self, cache_dir: Path) -> None:
        """Write them into the cache, from which the jobs read them."""
        from musicgen.corpus.corpus import load_corpus

        for config in self._configs.values():
            load_corpus(config, cache_dir)


def with_fixed_start(arm: PlannedArm) -> PlannedArm:
    """The arm with `training.start_from` resolved once for all of its runs, if it abbreviates a training."""
    if arm.config.training.start_from is None:
        return arm
    # Imported late, as in _Corpora.
    from musicgen.run.start import fixed_start

    fixed, name = fixed_start(arm.config), "training.start_from"
    if fixed is None:
        return arm
    composed = arm.composed.copy()
    OmegaConf.update(composed, name, fixed)
    change = arm.config.change
    if change is not None and change.parameter == name:
        change = replace(change, value=fixed)
    training = replace(arm.config.training, start_from=fixed)
    config = replace(arm.config, training=training, change=change)
    return replace(arm, composed=composed, config=config, overrides=[*arm.overrides, f"{name}={fixed}"])


def check_subdir(config: DictConfig) -> None:
    """Raise InputError if the user set hydra.sweep.subdir: arms and trials name their own folders."""
    default = OmegaConf.load(conf_folder() / "hydra/output/musicgen.yaml")
    assert isinstance(default, DictConfig)
    given = plain_values(config.hydra.sweep)["subdir"]
    if given != plain_values(default.sweep)["subdir"]:
        raise InputError(
            f"hydra.sweep.subdir={given}: arms and trials name their own folders; hydra.sweep.dir is where "
            "they go, and hydra/sweeper=basic obeys hydra.sweep.subdir"
        )


def _check_metrics(study: StudyConfig) -> None:
    from musicgen.metrics.registry import METRICS

    for name in (*study.primary_metrics, *study.equivalence_margin):
        if name not in METRICS:
            raise InputError(f"study: {name} is not a metric; allowed are {', '.join(METRICS)}")


def _check_stages(design: StudyDesign) -> None:
    if design.study.stages is None:
        return
    if design.study.nuisance:
        raise InputError("study.stages: a study with study.nuisance has one stage; set one of them to null")
    if len(design.seeds) < 2:
        raise InputError(f"study.stages: the first stage needs two seeds or more, not seed={design.seeds[0]}")


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


def _missing(runs: Sequence[PlannedRun], directory: Path) -> list[PlannedRun]:
    """The runs that the directory holds no complete result of.

    Raises InputError if the folder of one of them holds something else.
    """
    missing = [run for run in runs if not holds_finished_run(directory / run.name, run.run_id, run.config)]
    plan = directory / PLAN_FILE
    planned = {row.get("directory") for row in read_rows(plan)} if plan.is_file() else set()
    for run in missing:
        # A job that was killed while it read its corpus has left Hydra's files, and no record yet.
        by_hydra = () if run.name in planned else MADE_BY_HYDRA
        check_run_folder(directory / run.name, lambda run=run: run.config, by_hydra)
    return missing
