"""`python -m musicgen.compare PATH...`: which change did what, from any runs or sweeps."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.environment import in_settled_environment
from musicgen.errors import InputError, exit_status
from musicgen.files import refuse_link
from musicgen.study.record import FILE_NAME


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


def read_baseline(pairs: Sequence[str]) -> dict[str, str]:
    """PARAMETER=VALUE texts as a mapping; raises InputError for any other text."""
    baseline = {}
    for pair in pairs:
        parameter, sign, value = pair.partition("=")
        if not sign:
            raise InputError(f"--baseline {pair}: PARAMETER=VALUE is needed, such as model.cell=gru")
        baseline[parameter] = value
    return baseline


def compare(arguments: argparse.Namespace) -> None:
    """Compare, write the tables and figures, and print what matters."""
    # rich and numpy take a moment to import, which --help and a wrong argument should not wait for.
    from musicgen.metrics.registry import HEADLINE
    from musicgen.study.destination import check_comparison_folder
    from musicgen.study.ratings import LISTENING_METRICS
    from musicgen.study.runs import find_runs
    from musicgen.study.summary import summarise
    from musicgen.study.tables import print_summary

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
    known = set(summary.effects["metric"]) | set(summary.noise["metric"])
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
