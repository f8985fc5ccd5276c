"""`python -m musicgen.train [overrides]`: one run, or with --multirun a sweep; see --help and README.md."""

import os
import sys
from pathlib import Path

import hydra
from hydra.core.plugins import Plugins

from musicgen.records.command import CONFIG_NAME, train_command
from musicgen.records.record import FILE_NAME as RUN_FILE
from musicgen.search.plugin import register_hydras_sweeper
from musicgen.search.sweeper import SearchSweeper
from musicgen.sweep.folders import command
from musicgen.sweep.job import run_job
from musicgen.sweep.job_queue import JobFailed
from musicgen.sweep.launcher import ProcessLauncher
from musicgen.sweep.other_launchers import set_up_ray
from musicgen.sweep.refusals import describe_failure, describe_option
from musicgen.sweep.sweeper import OneAtATimeSweeper
from musicgen.system.commands import complain, in_settled_environment
from musicgen.system.conf import conf_folder
from musicgen.system.extensions import trusted_modules
from musicgen.system.interruption import ending_on_signals, unwrapping_interruptions
from musicgen.tracking.comet_settings import forbid_patching

TARGETS = ("musicgen.sweep.*", "musicgen.search.*", "hydra._internal.*", "hydra_plugins.*")
"""What `_target_` in a config may name: our sweepers, launcher and callback, and those of Hydra's plugins.

Besides them, what is below the modules in MUSICGEN_TRUST (`system/extensions.py` says why).
"""


def main() -> int:
    """Run the command; returns its exit status."""
    with ending_on_signals():
        try:
            return _train()
        finally:
            command.made.remove_empty_folders()


def _train() -> int:
    if line := describe_option(sys.argv[1:]):
        return complain(line)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise its errors instead of printing several lines
    forbid_patching()
    set_up_ray()
    for plugin in (OneAtATimeSweeper, SearchSweeper, ProcessLauncher):
        Plugins.instance().register(plugin)
    register_hydras_sweeper()
    try:
        with unwrapping_interruptions():
            allowed = [*TARGETS, *(f"{module}.*" for module in trusted_modules())]
            hydra.main(str(conf_folder()), CONFIG_NAME, execution_whitelist=allowed)(run_job)()
    except KeyboardInterrupt as interruption:
        again = train_command(sys.argv[1:])
        complain(f"{str(interruption) or 'interrupted'}; run the same command again to resume: {again}")
        return 130
    except JobFailed as failure:
        # Hydra's own sweepers raise the first failure after all of their jobs. With other launchers than ours
        # the sweep ends with the first job whose process died.
        complain(str(failure))
    except Exception as error:
        line = describe_failure(error, _train)
        if line is None:
            raise
        return complain(line)
    return _summarise()


def _summarise() -> int:
    directory = command.directory
    # A dry run makes no directory.
    if directory is None or not directory.is_dir():
        return 0
    from musicgen.reporting.next_steps import after_run, after_sweep

    here = Path.cwd()
    shown = directory.relative_to(here) if directory.is_relative_to(here) else directory
    status, steps = 0, []
    if command.has_results:
        from musicgen.search.finish import finish

        status = finish(directory)
        steps = after_sweep(shown)
    elif (directory / RUN_FILE).is_file():
        # Otherwise another process of a search reports the result.
        steps = after_run(directory, shown)
    from musicgen.run.uploads import describe_upload

    print(*steps, *filter(None, [describe_upload(directory, shown)]), shown, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
