"""Hydra's sweeper `one_at_a_time`: a baseline and single changes of it, each with every seed.

It prints its plan and launches the runs. The command summarises the results afterwards, from the files (see
finish.py). With study.stages, a second sweep in a subfolder runs the most promising changes again, with fresh
seeds.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, read_write

from musicgen.config import StudyConfig, parse_config, plain_values
from musicgen.effects.joint import winning_levels
from musicgen.errors import InputError
from musicgen.records.destination import (
    CONFIRMATION,
    MADE_BY_HYDRA,
    MARK_OF_A_SWEEP,
    check_run_folder,
    holds_finished_run,
)
from musicgen.records.runs import PLAN as PLAN_FILE
from musicgen.records.runs import level_cell, read_rows
from musicgen.records.store import read_store
from musicgen.sweep.common_length import check_no_limit, with_common_length
from musicgen.sweep.design import PlannedArm, StudyDesign, composer, without_hydra
from musicgen.sweep.folders import command
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.identities import Corpora, with_fixed_start
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.launching import launch_runs
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


class OneAtATimeSweeper(Sweeper):
    """Runs a one-at-a-time study instead of Hydra's grid."""

    def __init__(self) -> None:
        """Without this, Hydra would accept the settings of other sweepers."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives every sweeper."""
        self._config, self._context, self._task_function = config, hydra_context, task_function
        self._corpora = Corpora()
        self._loader = hydra_context.config_loader
        self._compose = composer(self._loader, config)
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[JobReturn]:
        """Plan, print the plan and run it; with study.dry_run stop after printing."""
        check_subdir(self._config)
        design = self._read_design(arguments)
        # Before the fork server starts, whose imports would take time from what is timed.
        design = with_common_length(design, self._compose, self._corpora.inputs)
        if isinstance(self._launcher, ProcessLauncher) and not design.study.dry_run:
            # Its imports take seconds, as long as composing the arms and planning the runs.
            start_fork_server()
        written = design.arms(self._compose)
        check_no_limit(written)
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
        returns = launch_runs(self._launcher, self._config, missing, directory)
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
        returns = launch_runs(self._launcher, self._config, missing, directory)
        if design.study.combine:
            more = self._plan_combined(design, arms, directory)
            missing_too = _missing(more, directory)
            write_plan([*runs, *more], directory)
            both = [*missing, *missing_too]
            returns += launch_runs(self._launcher, self._config, both, directory, first=len(missing))
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
        runs = [
            self._corpora.identify(arm, config) for arm in arms for config in arm.with_seeds(design.seeds)
        ]
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
