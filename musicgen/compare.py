"""`python -m musicgen.compare PATH...`: which change did what, from any runs or sweeps."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.errors import InputError
from musicgen.records.record import FILE_NAME
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.files import refuse_link


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.compare",
        description="Pair runs with their baseline by seed, and say what each change did to each metric.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for runs.csv, effects.csv, noise.csv and plots/; default: PATH, if there is one and it is not "
        "a run, else the current directory",
    )
    parser.add_argument(
        "--metric",
        nargs="+",
        metavar="NAME",
        help="show these instead of the headline metrics; effects.csv has all",
    )
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="compare with runs that have this value; may be given several times",
    )
    parser.add_argument("--no-plots", action="store_true", help="write the tables only")
    return parser.parse_args(arguments)


def _output_folder(arguments: argparse.Namespace) -> Path:
    if arguments.out is not None:
        return arguments.out
    only = arguments.paths[0]
    is_sweep = len(arguments.paths) == 1 and only.is_dir() and not (only / FILE_NAME).exists()
    return only if is_sweep else Path()


def compare(arguments: argparse.Namespace) -> None:
    """Compare, write the tables and figures, and print what matters."""
    # rich and numpy take a moment to import, which --help and a wrong argument should not wait for.
    from musicgen.effects.pairing import read_baseline
    from musicgen.effects.printing import print_summary
    from musicgen.effects.summary import summarise
    from musicgen.metrics.registry import HEADLINE
    from musicgen.records.destination import check_comparison_folder
    from musicgen.records.ratings import LISTENING_METRICS
    from musicgen.records.runs import find_runs

    runs, folder = find_runs(arguments.paths), _output_folder(arguments)
    if arguments.out is None:
        refuse_link(folder / "plots")
    check_comparison_folder(folder)
    summary = summarise(
        runs,
        folder,
        read_baseline(arguments.baseline),
        draws=not arguments.no_plots,
    )
    known = {effect.metric for effect in summary.effects} | set(summary.noise["metric"])
    for name in arguments.metric or []:
        if name not in known:
            raise InputError(f"--metric {name}: no run has it; there are {', '.join(sorted(known))}")
    print_summary(summary, arguments.metric or (*HEADLINE, *LISTENING_METRICS))
    print(summary.folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: compare(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
