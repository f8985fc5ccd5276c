"""What Hydra calls for each job: a single run, or one run of a sweep, wherever a launcher starts it."""

import logging
import sys
from contextlib import chdir, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from musicgen.config import Config, override_texts, parse_config, plain_values
from musicgen.errors import InputError
from musicgen.records.command import reproducing_command
from musicgen.records.destination import check_run_folder
from musicgen.run.uploads import follow_in_background, upload_in_background
from musicgen.sweep.folders import register_resolver, take_back
from musicgen.sweep.refusals import describe_failure
from musicgen.system.commands import complain
from musicgen.system.extensions import TRUST
from musicgen.training.outcome import TrainingDiverged

if TYPE_CHECKING:
    from musicgen.records.record import RunRecord

# Here, since every process that does a job imports this module before Hydra looks at the config.
register_resolver()


def run_job(composed: DictConfig, config: Config | None = None) -> float:
    """Do one run and return what a search minimises: the best validation loss in nats per character.

    config: the composed config as a typed one, if our own launcher was given it.
    """
    job = HydraConfig.get()
    # With hydra.job.chdir, paths still count from where the command was given.
    place = chdir(job.runtime.cwd) if job.job.chdir else nullcontext()
    try:
        with place:
            return _run(composed, config, job)
    except (InputError, TrainingDiverged, OSError) as error:
        line = describe_failure(error)
        if job.mode == RunMode.MULTIRUN or line is None:
            raise
        # Hydra would print several lines about any other exception of a single run.
        sys.exit(complain(line))


def _run(composed: DictConfig, config: Config | None, job: HydraConf) -> float:
    directory = Path(job.runtime.output_dir)
    overrides = override_texts(job.overrides.task)
    is_single = job.mode == RunMode.RUN
    # On a full disk the first result that cannot be written says so, instead of every line of train.log.
    logging.raiseExceptions = False
    try:
        _refuse_trust_from(job)
        config = config or parse_config(composed)
        if is_single and config.study.name is not None:
            raise InputError(f"study={config.study.name}: a study is many runs and needs --multirun")
        check_run_folder(directory, lambda: config, by_hydra=())
        # Imported late: --help and wrong input should not wait a second for numpy and torch.
        from musicgen.run.execute import execute
        from musicgen.run.prepare import prepare

        run = prepare(config, directory, reproducing_command(plain_values(job), overrides), overrides)
    except InputError:
        # The log and the reason of a sweep's job stay in its folder.
        if is_single:
            take_back(directory)
        raise
    if is_single:
        follow_in_background(directory, config.tracker, locks=config.paths.locks)
    try:
        record = execute(run)
    finally:
        # The runs of a sweep are uploaded together, after its end.
        if is_single:
            upload_in_background(directory, config.tracker, locks=config.paths.locks)
    if record.status == "complete" and is_single:
        _print_tables(record)
    loss = record.metrics["fit/validation_loss"]
    assert loss is not None
    return loss


def _refuse_trust_from(job: HydraConf) -> None:
    """Raise InputError if the config set MUSICGEN_TRUST: Hydra lets it set variables of its job."""
    if TRUST in job.job.env_set:
        raise InputError(f"hydra.job.env_set.{TRUST}: a config must not choose which code runs")


def _print_tables(record: "RunRecord") -> None:
    from musicgen.metrics.table import group_table, headline_table
    from musicgen.system.terminal import print_table

    print_table(headline_table(record.metrics, record.reference, record.floor, record.reasons))
    for name, groups in record.metrics_by.items():
        print_table(group_table(groups, name, record.reference_by[name], record.floor_by.get(name, {})))
    if record.draws is not None:
        print(f"{record.draws}; the metrics count every draw")
