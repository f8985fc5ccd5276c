"""Hydra's sweeper `optuna`: a search for the best values of one metric or several. Each trial is a run.

It takes the settings of the package hydra-optuna-sweeper, whose own sweeper cannot resume, and some more.

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
from omegaconf import DictConfig, OmegaConf

from musicgen.config import Change, Config, override_texts, parse_config
from musicgen.errors import InputError
from musicgen.metrics.outside import outside_metrics
from musicgen.records.destination import CONFIRMATION, MARK_OF_A_SWEEP
from musicgen.records.naming import override_text, search_name
from musicgen.records.runs import flat_config
from musicgen.search.best import write_best
from musicgen.search.halving import Halving, whole
from musicgen.search.objective import LOSS, Objective, OptunaDirection, objectives_of
from musicgen.search.plugin import register_settings
from musicgen.search.trials import Trial, Value, overrides_of, write_trials
from musicgen.sweep.design import BASELINE, PlannedArm, StudyDesign, composer, without_hydra
from musicgen.sweep.folders import command, hide_passwords, show_live
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.sweeper import check_subdir, run_study
from musicgen.system.files import replace_atomically
from musicgen.system.passwords import without_passwords

if TYPE_CHECKING:
    from musicgen.search.claims import Search
    from musicgen.search.space import Space

LEARNT_FROM = ("data", "model", "training")
"""Groups that losses depend on, in addition to the seed."""
HEARD_FROM = ("sampling", "evaluation")
"""Groups that other objectives depend on as well."""
PARAMETER = "search"
"""The changed parameter of a confirmation run, which stands for all searched ones."""
DEFAULT = "default"
"""The value of hydra.sweeper.params that stands for default_params."""

# Here, since every process that composes a config with this sweeper imports this module before.
register_settings()


class SearchSweeper(Sweeper):
    """Asks Optuna for trials, launches them and reports their losses."""

    def __init__(
        self,
        sampler: Mapping[str, Any],
        objective: object,
        direction: object,
        storage: object,
        study_name: str | None,
        directory: str,
        n_trials: int,
        n_jobs: int,
        max_failure_rate: float,
        pruning: Mapping[str, Any] | None,
        confirm_seeds: int,
        params: Mapping[str, Any] | str | None,
        default_params: Mapping[str, Any],
        custom_search_space: str | None,
    ) -> None:
        """The values of conf/hydra/sweeper/optuna.yaml; only conf/hydra/output/ reads `directory`."""
        self._sampler, self._pruning, self._extension = sampler, pruning, custom_search_space
        self._params, self._default_params = params, default_params
        self._study_name, self._storage = study_name, storage
        self._objective, self._direction = objective, direction
        self._num_trials, self._num_jobs, self._confirm_seeds = n_trials, n_jobs, confirm_seeds
        self._max_failure_rate = max_failure_rate

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
        name = self._study_name
        self._name = search_name(override_texts(config.hydra.overrides.task)) if name is None else name

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
        if OmegaConf.is_list(metrics := OmegaConf.select(self._config, "evaluation.metrics")):
            # An objective may be one of them.
            outside_metrics(override_texts(metrics))
        objectives = objectives_of(self._objective, self._direction)
        directions: list[OptunaDirection] = [objective.direction for objective in objectives]
        space = self._read_space(arguments)
        samplers = Samplers(self._sampler, space)
        pruning = self._pruning_of(objectives)
        baseline = self._check(space, samplers.first_point(directions), is_pruned=pruning is not None)
        halving = Halving.of(pruning, baseline.training.num_iterations)
        num_trials = samplers.max_trials(self._num_trials)
        terms = _terms(baseline, space, halving, objectives, self._extension)
        database = open_database(self._storage, self._directory)
        try:
            search = Search(
                database,
                self._name,
                space,
                terms,
                samplers.for_trial,
                halving.pruner(),
                directions,
                self._max_failure_rate,
                self._num_jobs,
                [objective.metric for objective in objectives],
            )
            self._directory.mkdir(parents=True, exist_ok=True)
            with replace_atomically(self._directory / MARK_OF_A_SWEEP) as temporary:
                OmegaConf.save(self._config, temporary)
            if isinstance(self._launcher, ProcessLauncher):
                start_fork_server()
            else:
                show_live(self._config)
            worker = Worker(
                search, self._launcher, space, halving, objectives, self._directory, baseline, self._read
            )
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
        if not 0 <= self._max_failure_rate <= 1:
            raise InputError(
                f"hydra.sweeper.max_failure_rate={self._max_failure_rate}: allowed are numbers from 0 to 1"
            )

    def _pruning_of(self, objectives: Sequence[Objective]) -> Mapping[str, Any] | None:
        """Trials report nothing but their loss on a rung."""
        metrics = [objective.metric for objective in objectives]
        if self._pruning is None or metrics == [LOSS]:
            return self._pruning
        print(f"no trial is pruned: that needs the one objective {LOSS}")
        return None

    def _read_space(self, arguments: Sequence[str]) -> "Space":
        from musicgen.search.space import Space, load_extension, without_chosen

        parser = OverridesParser.create(config_loader=self._context.config_loader)
        given = parser.parse_overrides(list(arguments))
        if self._params == DEFAULT:
            params = without_chosen(parser.parse_overrides(overrides_of(self._default_params)), given)
        elif self._params is None or isinstance(self._params, Mapping):
            params = parser.parse_overrides(overrides_of(self._params or {}))
        else:
            raise InputError(
                f"hydra.sweeper.params={self._params}: allowed are {DEFAULT}, null and a mapping"
            )
        extend = None if self._extension is None else load_extension(self._extension, self._config)
        return Space.of([*params, *given], extend)

    def _read(self, overrides: Sequence[str]) -> Config:
        return parse_config(without_hydra(self._compose(overrides)))

    def _check(self, space: "Space", point: Mapping[str, Value], *, is_pruned: bool) -> Config:
        """Compose the baseline and the ends of each range; raises InputError for a wrong one.

        point: of the space, for the parameters that have no range.
        """
        baseline = self._read(space.fixed)
        if baseline.study.name is not None:
            raise InputError(
                f"study={baseline.study.name}: a study declares its own changes and cannot be searched"
            )
        if baseline.study.stages is not None:
            raise InputError(
                "study.stages: a search confirms its best config, see hydra.sweeper.confirm_seeds"
            )
        _check_no_limit(baseline)
        self._check_groups(space)
        drawn = {name: value for name, value in point.items() if name not in space.distributions}
        edges = [*space.edges(), *([override] for override in overrides_of(drawn))]
        # Check one end of every parameter at a time: each composition takes a fifth of a second.
        for turn in range(max(map(len, edges), default=0)):
            together = [own[turn % len(own)] for own in edges]
            try:
                configs = [(together, self._read([*space.fixed, *together]))]
            except (InputError, HydraException):
                # Find the wrong one. Values that are wrong only in combination show up in the trials.
                configs = [([edge], self._read([*space.fixed, edge])) for edge in together]
            for changes, config in configs:
                _check_no_limit(config)
                if is_pruned and config.training.num_iterations != baseline.training.num_iterations:
                    raise InputError(
                        f"{' '.join(changes)}: changes training.num_iterations, and pruning compares trials "
                        "of one length; hydra.sweeper.pruning=null trains every trial to its end"
                    )
        return baseline

    def _check_groups(self, space: "Space") -> None:
        """Raise InputError if the choices of a searched group differ in a field that is set as well."""
        overrides = {text.lstrip("+~").partition("=")[0]: text for text in space.fixed}
        for group, values in zip(space.distributions, space.edges(), strict=True):
            fields = [name for name in (*space.distributions, *overrides) if name.startswith(f"{group}.")]
            if not fields:
                continue
            others = [text for name, text in overrides.items() if name not in fields]
            chosen = [flat_config(self._read([*others, value]).as_dict()) for value in values]
            for name in fields:
                if len({str(config.get(name)) for config in chosen}) > 1:
                    choices = ",".join(value.partition("=")[2] for value in values)
                    raise InputError(f"{group}={choices}: each sets {name}, which is overridden as well")

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
        run_study(
            design, arms, self._directory / CONFIRMATION, self._context, self._task_function, self._config
        )


def _check_no_limit(config: Config) -> None:
    """Raise InputError if trials would train for a time instead of a number of iterations."""
    if config.training.max_minutes is not None:
        raise InputError(
            f"training.max_minutes={config.training.max_minutes:g}: a search compares trials by iterations; "
            "set training.num_iterations instead"
        )


def _terms(
    baseline: Config,
    space: "Space",
    halving: Halving,
    objectives: Sequence[Objective],
    extension: str | None,
) -> dict[str, object]:
    """What identifies a search, in addition to its space."""
    values = baseline.as_dict()
    is_measured_in_training = all(one.metric.startswith("fit/") for one in objectives)
    groups = LEARNT_FROM if is_measured_in_training else (*LEARNT_FROM, *HEARD_FROM)
    learnt_from = flat_config({name: values[name] for name in (*groups, "seed")})
    # Null in every search, and searches from before it existed can be resumed.
    del learnt_from["training.max_minutes"]
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
        **({} if extension is None else {"custom_search_space": extension}),
        "rungs": halving.rungs,
        "reduction_factor": halving.reduction_factor,
        "baseline": {name: value for name, value in learnt_from.items() if name not in space.distributions},
    }
