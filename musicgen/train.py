"""`python -m musicgen.train [overrides]`: one run, or with --multirun a sweep of runs.

`--help` lists what can be changed; README.md says what comes out.
"""

import logging
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.config import conf_folder, describe_composition_error, parse_config
from musicgen.errors import InputError, complain
from musicgen.training.outcome import TrainingDiverged

LONGEST_CHANGES = 100
"""Characters of a folder's name that say what changed."""


def name_changes(overrides: Sequence[str], *left_out: str) -> str:
    """What a folder's name says of these overrides: "-model=gru-training.batch_size=64", or nothing.

    left_out: groups and parameters that are not told, beside `paths`.
    """
    untold = {"paths", *left_out}
    told = [text for text in overrides if re.split(r"[.=@]", text.lstrip("+~"))[0] not in untold]
    return "".join("-" + re.sub(r"[^\w.,=+-]+", "_", text) for text in told)[:LONGEST_CHANGES]


OmegaConf.register_resolver("musicgen.changes", name_changes)


# Hydra gives nothing back from a job: what main prints after it, the job leaves here.
_result_directory: Path | None = None


@hydra.main(config_path=str(conf_folder()), config_name="config")
def run_job(composed: DictConfig) -> float:
    """Do one job and return what a search minimises: the best validation loss in nats per character."""
    job = HydraConfig.get()
    try:
        return _run(composed, job)
    except (InputError, TrainingDiverged) as error:
        if job.mode == RunMode.MULTIRUN:
            raise
        # Hydra would print several lines about any other exception of a single run.
        sys.exit(complain(_explain(error)))


def _run(composed: DictConfig, job: HydraConf) -> float:
    directory = Path(job.runtime.output_dir)
    overrides = list(job.overrides.task)
    try:
        config = parse_config(composed)
        # Importing torch takes a second, which --help and a wrong field should not wait for.
        from musicgen.preparation import prepare
        from musicgen.run import execute

        command = shlex.join(["python", "-m", "musicgen.train", *overrides])
        prepared = prepare(config, directory, command, overrides)
    except InputError:
        _take_back(directory)
        raise
    record = execute(prepared)

    from musicgen.metrics.table import headline_table, print_table

    print_table(headline_table(record.metrics, record.reference, record.floor, record.reasons))
    # The last line that the command prints says where everything is: see main.
    global _result_directory
    _result_directory = Path(job.sweep.dir) if job.mode == RunMode.MULTIRUN else directory
    loss = record.metrics["fit/validation_loss"]
    assert loss is not None
    return loss


def _relative(directory: Path) -> Path:
    here = Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) else directory


def _take_back(directory: Path) -> None:
    """Remove the folders that Hydra made for a run that cannot start, as far as nothing else is in them."""
    logging.shutdown()
    shutil.rmtree(directory)
    # Of the tree outputs/runs/<date>/<run>, or outputs/sweeps/<date>/<sweep>/<change>/<seed>.
    for parent in list(directory.parents)[:3]:
        if any(parent.iterdir()):
            break
        parent.rmdir()


def main() -> int:
    """Run the command; returns its exit status."""
    # Hydra then raises its errors instead of printing several lines of its own.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    try:
        run_job()
    except KeyboardInterrupt as interruption:
        again = shlex.join(["python", "-m", "musicgen.train", *sys.argv[1:]])
        complain(f"{interruption or 'interrupted'}; the same command goes on from there: {again}")
        return 130
    except (InputError, TrainingDiverged, HydraException, OmegaConfBaseException, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise
        return complain(_explain(error))
    if _result_directory is not None:
        print(_relative(_result_directory))
    return 0


def _explain(error: Exception) -> str:
    """The one line that a user reads."""
    if isinstance(error, TrainingDiverged):
        return f"{error}; a lower training.learning_rate or a training.gradient_clip may help"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return describe_composition_error(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}; paths.outputs must name a folder that can be written"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
