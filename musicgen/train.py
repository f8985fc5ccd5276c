"""`python -m musicgen.train [overrides]`: one run, or with --multirun a sweep of runs.

`--help` lists what can be changed; README.md says what comes out.
"""

import logging
import os
import sys
from contextlib import chdir, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import conf_folder, override_texts, parse_config, plain_values
from musicgen.errors import OUT_OF_RESOURCES, InputError, describe_disk
from musicgen.records.command import CONFIG_NAME, reproducing_command, train_command
from musicgen.records.destination import check_run_folder
from musicgen.records.naming import changes_name
from musicgen.run.uploads import upload_in_background
from musicgen.search import sweeper as search
from musicgen.sweep import launcher, sweeper
from musicgen.sweep import other_launchers as elsewhere
from musicgen.sweep.design import without_hydra
from musicgen.sweep.folders import SweepWatch
from musicgen.sweep.refusals import describe_refusal, is_refused
from musicgen.system.commands import complain, in_settled_environment
from musicgen.system.interruption import ending_on_signals
from musicgen.tracking.comet import forbid_patching
from musicgen.training.outcome import TrainingDiverged
from musicgen.training.threads import resolve_threads

if TYPE_CHECKING:
    from musicgen.records.record import RunRecord


def threads_of(composed: DictConfig) -> int:
    """How many threads a run with this config computes on."""
    config = parse_config(without_hydra(composed))
    number = resolve_threads(config.training, config.model).num_threads
    assert number is not None
    return number


def finds_cuda() -> bool:
    """Whether `device: auto` is a CUDA device here."""
    from musicgen.training.device import choose_device

    return choose_device("auto").type == "cuda"


def name_changes(overrides: ListConfig, *left_out: str) -> str:
    """What conf/run.yaml calls a folder after these overrides."""
    return changes_name(override_texts(overrides), *left_out)


# Every job of a sweep imports this module again.
OmegaConf.register_resolver("musicgen.changes", name_changes, replace=True)

TRUSTED = ["musicgen.sweep.*", "musicgen.search.*", "hydra._internal.*", "hydra_plugins.*"]
"""What a config may have built: our own sweeper, launcher and callback, and those of Hydra's plugins."""

# Hydra gives nothing back from a job: what main prints after it, the job leaves here.
_run_directory: Path | None = None


@hydra.main(config_path=str(conf_folder()), config_name=CONFIG_NAME, execution_whitelist=TRUSTED)
def run_job(composed: DictConfig) -> float:
    """Do one job and return what a search minimises: the best validation loss in nats per character."""
    job = HydraConfig.get()
    # With hydra.job.chdir paths still mean what they mean where the command was given.
    place = chdir(job.runtime.cwd) if job.job.chdir else nullcontext()
    try:
        with place:
            return _run(composed, job)
    except (InputError, TrainingDiverged, OSError) as error:
        line = _explain(error)
        if job.mode == RunMode.MULTIRUN or line is None:
            raise
        # Hydra would print several lines about any other exception of a single run.
        sys.exit(complain(line))


def _run(composed: DictConfig, job: HydraConf) -> float:
    directory = Path(job.runtime.output_dir)
    overrides = override_texts(job.overrides.task)
    # Lines of train.log that a full disk does not take: the first result that it does not take says so.
    logging.raiseExceptions = False
    try:
        config = parse_config(composed)
        if job.mode == RunMode.RUN and config.study.name is not None:
            raise InputError(f"study={config.study.name}: a study is many runs and needs --multirun")
        check_run_folder(directory, lambda: config, by_hydra=())
        command = reproducing_command(plain_values(job), overrides)
        # Importing numpy and torch takes a second, which --help and wrong input should not wait for.
        from musicgen.run.execute import execute
        from musicgen.run.prepare import prepare

        prepared = prepare(config, directory, command, overrides)
    except InputError:
        # Of a sweep's job, the sweep keeps the log and the reason.
        if job.mode == RunMode.RUN:
            _take_back(directory)
        raise
    try:
        record = execute(prepared)
    finally:
        # The runs of a sweep are uploaded at its end, all together.
        if job.mode == RunMode.RUN:
            upload_in_background(directory, config.tracker, locks=config.paths.locks)
    if record.status == "complete" and job.mode == RunMode.RUN:
        _print_tables(record)
    # The last line that the command prints says where everything is: see main.
    global _run_directory
    _run_directory = directory
    loss = record.metrics["fit/validation_loss"]
    assert loss is not None
    return loss


def _print_tables(record: "RunRecord") -> None:
    from musicgen.metrics.table import group_table, headline_table, print_table

    print_table(headline_table(record.metrics, record.reference, record.floor, record.reasons))
    for name, groups in record.metrics_by.items():
        print_table(group_table(groups, name, record.reference_by[name]))


def _relative(directory: Path) -> Path:
    here = Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) else directory


def _take_back(directory: Path) -> None:
    """Remove what Hydra made for a run that cannot start, and nothing that was there before."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        # An open file cannot be removed everywhere, and a later line would make it again.
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).is_relative_to(
            directory.absolute()
        ):
            root.removeHandler(handler)
            handler.close()
    SweepWatch.made.take_back()


def main() -> int:
    """Run the command; returns its exit status."""
    with ending_on_signals():
        try:
            return _train()
        finally:
            # Of a run or a sweep that Hydra refused after its folder was made.
            SweepWatch.made.remove_empty_folders()


def _train() -> int:
    # Hydra then raises its errors instead of printing several lines of its own.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    forbid_patching()
    elsewhere.set_up_ray()
    sweeper.register()
    search.register()
    launcher.register(launcher.Program(threads_of=threads_of, finds_cuda=finds_cuda))
    try:
        run_job()
    except KeyboardInterrupt as interruption:
        again = train_command(sys.argv[1:])
        complain(f"{str(interruption) or 'interrupted'}; the same command goes on from there: {again}")
        return 130
    except launcher.JobFailed as failure:
        # Hydra's own sweepers end with the first failure, after all of their jobs; other launchers than ours
        # with the first job whose process died.
        complain(str(failure))
    except Exception as error:
        line = _explain(error)
        if line is None:
            raise
        return complain(line)
    status, directory = 0, _run_directory
    # A dry run makes no directory.
    if SweepWatch.directory is not None and SweepWatch.directory.is_dir():
        directory = SweepWatch.directory
        status = _tell_what_runs_showed(directory) if SweepWatch.is_told else 0
    if directory is not None:
        print(_relative(directory))
    return status


def _tell_what_runs_showed(directory: Path) -> int:
    from musicgen.search.finish import end_sweep

    return end_sweep(directory)


def _explain(error: Exception) -> str | None:
    """The one line that a user reads; None for a defect, which keeps its traceback."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, TrainingDiverged):
        return f"{error}; a lower training.learning_rate or a training.gradient_clip may help"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return describe_refusal(error)
    if isinstance(error, OSError) and (line := describe_disk(error) or _describe_file(error)):
        if error.errno in OUT_OF_RESOURCES:
            return line
        return f"{line}; paths.outputs must name a folder that can be written and has room"
    if isinstance(error, RuntimeError) and (missing := elsewhere.describe_missing(error)):
        return missing
    return describe_refusal(error) if is_refused(error, _train) else None


def _describe_file(error: OSError) -> str | None:
    return None if error.filename is None else f"{error.filename}: {error.strerror}"


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
