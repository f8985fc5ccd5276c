"""`python -m musicgen.train [overrides]`: one run, or with --multirun a sweep of runs.

`--help` lists what can be changed; README.md describes the results.
"""

import os
import sys
from pathlib import Path

import hydra
from hydra.core.plugins import Plugins

from musicgen.config import conf_folder
from musicgen.records.command import CONFIG_NAME, train_command
from musicgen.search.sweeper import SearchSweeper
from musicgen.sweep.folders import command
from musicgen.sweep.job import run_job
from musicgen.sweep.launcher import JobFailed, ProcessLauncher
from musicgen.sweep.other_launchers import set_up_ray
from musicgen.sweep.refusals import describe_failure, describe_refusal, is_refused
from musicgen.sweep.sweeper import OneAtATimeSweeper
from musicgen.system.commands import complain, in_settled_environment
from musicgen.system.interruption import ending_on_signals
from musicgen.tracking.comet import forbid_patching

MAY_BE_BUILT = ["musicgen.sweep.*", "musicgen.search.*", "hydra._internal.*", "hydra_plugins.*"]
"""What `_target_` in a config may name: our sweepers, launcher and callback, and those of Hydra's plugins."""


def main() -> int:
    """Run the command; returns its exit status."""
    with ending_on_signals():
        try:
            return _train()
        finally:
            # A run or a sweep that Hydra refused may have left an empty folder.
            command.made.remove_empty_folders()


def _train() -> int:
    # Hydra then raises its errors instead of printing several lines.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    forbid_patching()
    set_up_ray()
    for plugin in (OneAtATimeSweeper, SearchSweeper, ProcessLauncher):
        Plugins.instance().register(plugin)
    start = hydra.main(
        config_path=str(conf_folder()), config_name=CONFIG_NAME, execution_whitelist=MAY_BE_BUILT
    )(run_job)
    try:
        start()
    except KeyboardInterrupt as interruption:
        again = train_command(sys.argv[1:])
        complain(f"{str(interruption) or 'interrupted'}; run the same command again to resume: {again}")
        return 130
    except JobFailed as failure:
        # Hydra's own sweepers raise the first failure after all of their jobs. With other launchers than ours
        # the sweep ends with the first job whose process died.
        complain(str(failure))
    except Exception as error:
        line = describe_failure(error) or (describe_refusal(error) if is_refused(error, _train) else None)
        if line is None:
            raise
        return complain(line)
    return _summarise()


def _summarise() -> int:
    directory, status = command.directory, 0
    # A dry run makes no directory.
    if directory is not None and directory.is_dir():
        if command.has_results:
            from musicgen.search.finish import finish

            status = finish(directory)
        here = Path.cwd()
        print(directory.relative_to(here) if directory.is_relative_to(here) else directory)
    return status


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
