"""Hydra's sweeper `optuna`: a search for the lowest validation loss. Each trial is a run.

A trial stops on each rung of successive halving and reports its loss. Unless it is pruned there, its next job
resumes from the store. Optuna chooses parameters and prunes. Its storage holds all state, so the same command
resumes a search, and several processes can share one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, read_write

from musicgen.config import Change, Config, parse_config
from musicgen.errors import InputError
from musicgen.records.destination import MARK_OF_A_SWEEP
from musicgen.records.naming import override_text
from musicgen.records.runs import flat_config
from musicgen.search.best import write_best
from musicgen.search.halving import Halving, whole
from musicgen.search.objective import LOSS, Objective, objectives_of
from musicgen.search.trials import CONFIRMATION, Trial, overrides_of, write_trials
from musicgen.sweep.design import BASELINE, PlannedArm, StudyDesign, composer, without_hydra
from musicgen.sweep.folders import command, hide_passwords
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.sweeper import OneAtATimeSweeper, check_subdir
from musicgen.system.files import replace_atomically
from musicgen.system.passwords import without_passwords

if TYPE_CHECKING:
    from musicgen.search.claims import Search
    from musicgen.search.space import Space

LEARNT_FROM = ("data", "model", "training")
"""Groups that the objective depends on, in addition to the seed."""
PARAMETER = "search"
"""The changed parameter of a confirmation run, which stands for all searched ones."""


class SearchSweeper(Sweeper):
    """Asks Optuna for trials, launches them and reports their losses."""

    def __init__(
        self,
        sampler: Mapping[str, Any],
        study_name: str,
        directory: str,
        storage: str,
        n_trials: int,
        n_jobs: int,
        pruning: Mapping[str, Any] | None,
        confirm_seeds: int,
        params: Mapping[str, Any] | None = None,
        objective: Any = LOSS,
        direction: Any = None,
    ) -> None:
        """The values of conf/hydra/sweeper/optuna.yaml; only conf/hydra/output/ reads `directory`."""
        self._sampler, self._pruning, self._params = sampler, pruning, params or {}
        self._name, self._storage = str(study_name), str(storage)
        self._objective, self._direction = objective, direction
        self._num_trials, self._num_jobs, self._confirm_seeds = n_trials, n_jobs, confirm_seeds

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before `sweep`."""
        # First of all: each job and the sweep keep a copy of the config.
        hide_passwords(config)
        self._config = config
        self._context = hydra_context
        self._compose = composer(hydra_context.config_loader, config)
        self._task_function = task_function
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self._directory = Path(config.hydra.sweep.dir)

    def sweep(self, arguments: list[str]) -> None:
        """Search, then write the result, in one of several processes; raises InputError."""
        # Import Optuna and its database late: they take a second.
        from optuna.exceptions import StorageInternalError

        from musicgen.search.claims import Search
        from musicgen.search.samplers import Samplers
        from musicgen.search.storage import open_database
        from musicgen.search.work import Worker

        self._check_settings()
        check_subdir(self._config)
        space = self._read_space(arguments)
        baseline = self._check(space)
        objectives = objectives_of(self._objective, self._direction)
        is_of_loss = [objective.metric for objective in objectives] == [LOSS]
        # Trials report nothing but their loss on a rung.
        halving = Halving.of(self._pruning if is_of_loss else None, baseline.training.num_iterations)
        samplers = Samplers(self._sampler, space)
        samplers.for_trial(0)  # raises for unknown settings
        num_trials = samplers.max_trials(self._num_trials)
        terms = _terms(baseline, space, halving, objectives)
        database = open_database(self._storage)
        try:
            search = Search(
                database,
                self._name,
                space,
                terms,
                samplers.for_trial,
                halving.pruner(),
                [objective.direction for objective in objectives],
            )
            self._directory.mkdir(parents=True, exist_ok=True)
            with replace_atomically(self._directory / MARK_OF_A_SWEEP) as temporary:
                OmegaConf.save(self._config, temporary)
            if isinstance(self._launcher, ProcessLauncher):
                start_fork_server()
            worker = Worker(search, self._launcher, space, halving, objectives, self._directory, baseline)
            worker.run(num_trials, self._num_jobs)
            if search.lead():
                self._report(search, space, objectives, terms, baseline.seed)
            else:
                print("another process of this search reports the result")
                command.has_results = False
        except StorageInternalError as error:
            cause = without_passwords(" ".join(str(error.__cause__ or error).split()))
            raise InputError(
                f"hydra.sweeper.storage: {cause}; run the same command again to resume"
            ) from error
        finally:
            database.close()

    def _check_settings(self) -> None:
        whole("hydra.sweeper.n_trials", self._num_trials, 1)
        whole("hydra.sweeper.n_jobs", self._num_jobs, 1)
        whole("hydra.sweeper.confirm_seeds", self._confirm_seeds, 0)

    def _read_space(self, arguments: Sequence[str]) -> "Space":
        from musicgen.search.space import Space

        parser = OverridesParser.create(config_loader=self._context.config_loader)
        params = [f"{name}={value}" for name, value in self._params.items()]
        return Space.of(parser.parse_overrides([*params, *arguments]))

    def _read(self, overrides: Sequence[str]) -> Config:
        return parse_config(without_hydra(self._compose(overrides)))

    def _check(self, space: "Space") -> Config:
        """Compose the baseline and the ends of each range; raises InputError for a wrong one."""
        baseline = self._read(space.fixed)
        if baseline.study.name is not None:
            raise InputError(
                f"study={baseline.study.name}: a study declares its own changes and cannot be searched"
            )
        edges = space.edges()
        # Check one end of every parameter at a time: each composition takes a fifth of a second.
        for turn in range(max(map(len, edges))):
            together = [own[turn % len(own)] for own in edges]
            try:
                configs = [(together, self._read([*space.fixed, *together]))]
            except (InputError, HydraException):
                # Find the wrong one. Values that are wrong only in combination show up in the trials.
                configs = [([edge], self._read([*space.fixed, edge])) for edge in together]
            for changes, config in configs:
                if self._pruning and config.training.num_iterations != baseline.training.num_iterations:
                    raise InputError(
                        f"{' '.join(changes)}: changes training.num_iterations, and pruning compares trials "
                        "of one length; hydra.sweeper.pruning=null trains every trial to its end"
                    )
        return baseline

    def _report(
        self,
        search: "Search",
        space: "Space",
        objectives: Sequence[Objective],
        terms: Mapping[str, object],
        seed: int,
    ) -> None:
        """Write the trials and the best configs; confirm the best one against the baseline."""
        from musicgen.search.work import trials_of

        trials = trials_of(search, self._name, objectives, space, seed)
        write_trials(trials, terms, self._directory)
        if not trials.complete:
            return
        write_best(trials, space.fixed, self._compose, self._directory)
        if trials.knee is not None and self._confirm_seeds:
            seeds = range(seed + 1, seed + 1 + self._confirm_seeds)
            self._confirm(trials.knee, objectives, space.fixed, seeds)

    def _confirm(
        self, best: Trial, objectives: Sequence[Objective], fixed: Sequence[str], seeds: Sequence[int]
    ) -> None:
        """Run the best config and the baseline with fresh seeds: the lowest of many losses is biased."""
        metrics = [objective.metric for objective in objectives]
        if metrics != [LOSS]:
            # They are what the comparison is about.
            fixed = [*fixed, f"study.primary_metrics={override_text(metrics)}"]
        design = StudyDesign(parse_config(without_hydra(self._config)).study, fixed, {}, seeds)
        change = Change(PARAMETER, f"trial {best.number}", BASELINE)
        arms = [
            PlannedArm.compose(self._compose, BASELINE, fixed),
            PlannedArm.compose(
                self._compose,
                f"trial-{best.number:03d}",
                [*fixed, *overrides_of(best.levels)],
                change,
            ),
        ]
        directory = self._directory / CONFIRMATION
        config = self._config.copy()
        with read_write(config.hydra):
            config.hydra.sweep.dir = str(directory)
        study = OneAtATimeSweeper()
        study.setup(hydra_context=self._context, task_function=self._task_function, config=config)
        study.run_missing(design, arms, directory)


def _terms(
    baseline: Config, space: "Space", halving: Halving, objectives: Sequence[Objective]
) -> dict[str, object]:
    """What identifies a search, in addition to its space."""
    values = baseline.as_dict()
    learnt_from = flat_config({name: values[name] for name in (*LEARNT_FROM, "seed")})
    if learnt_from["training.engine"] == "native":
        # Searches from before this setting existed can be resumed.
        del learnt_from["training.engine"]
    return {
        # Searches from before there were others can be resumed.
        **(
            {"objective": LOSS}
            if [one.metric for one in objectives] == [LOSS]
            else {
                "objective": [one.metric for one in objectives],
                "direction": [one.direction for one in objectives],
            }
        ),
        "rungs": halving.rungs,
        "reduction_factor": halving.reduction_factor,
        "baseline": {name: value for name, value in learnt_from.items() if name not in space.distributions},
    }
