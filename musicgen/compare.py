"""`python -m musicgen.compare PATH...`: which change did what, from any runs or sweeps."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.errors import InputError
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.files import refuse_link


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.compare",
        description="Pair runs with their baseline by seed, and report what each change did to each metric.",
    )
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for runs.csv, effects.csv, noise.csv and plots/; default: PATH if it is the only one "
        "and not a run, else the current directory",
    )
    add(
        "--metric",
        nargs="+",
        metavar="NAME",
        help="metrics to print instead of the headline metrics; effects.csv has all",
    )
    add(
        "--baseline",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="compare with runs that have this value; can be repeated",
    )
    add("--no-plots", action="store_true", help="write the tables only")
    return parser.parse_args(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Compare the runs, write the tables and figures, and print a summary."""
    # Import late: rich, numpy and the config take a moment, and --help should not wait for them.
    from musicgen.effects.pairing import read_baseline
    from musicgen.effects.printing import print_confirmation, print_screening, print_summary
    from musicgen.effects.summary import summarise
    from musicgen.effects.terms import Terms
    from musicgen.metrics.registry import summary_metrics
    from musicgen.records.destination import CONFIRMATION, check_comparison_folder
    from musicgen.records.ratings import LISTENING_METRICS
    from musicgen.records.record import FILE_NAME
    from musicgen.records.runs import by_stage, find_runs

    runs, folder = find_runs(arguments.paths), arguments.out
    if folder is None:
        only = arguments.paths[0]
        is_sweep = len(arguments.paths) == 1 and only.is_dir() and not (only / FILE_NAME).exists()
        folder = only if is_sweep else Path()
        refuse_link(folder / "plots")
    # The seeds that chose changes in a first stage must not judge them.
    screening, others = by_stage(runs)
    stages = [(screening, folder), (others, folder / CONFIRMATION if screening else folder)]
    summaries = []
    for runs, out in stages:
        if runs:
            check_comparison_folder(out)
            summaries.append(
                summarise(runs, out, read_baseline(arguments.baseline), draws=not arguments.no_plots)
            )
    known = {effect.metric for one in summaries for effect in one.effects}
    known |= {metric for one in summaries for metric in one.noise["metric"]}
    for name in arguments.metric or []:
        if name not in known:
            raise InputError(f"--metric {name}: no run has it; there are {', '.join(sorted(known))}")
    metrics = arguments.metric or (*summary_metrics(), *LISTENING_METRICS)
    if not screening:
        print_summary(summaries[0], metrics)
    else:
        first, *second = summaries
        chosen = [arm.change for one in second for arm in one.paired.arms if arm.change is not None]
        print_screening(first, arguments.metric or Terms.of(first.paired).primary_metrics, chosen)
        for one in second:
            print_confirmation(one, metrics)
    print(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: compare(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
