"""`python -m musicgen.note RUN_DIR "what I heard"`: add a finding to the log."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.records.criteria import CRITERIA, POINTS
from musicgen.system.commands import exit_status, in_settled_environment


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.note",
        description="Add what you heard in a run to the findings log of its study, sweep or run, with the "
        "date and the run's identity.",
    )
    parser.add_argument("run_directory", type=Path, metavar="RUN_DIR")
    parser.add_argument("text", metavar="TEXT", help="what you heard or saw")
    for criterion in CRITERIA.values():
        parser.add_argument(
            f"--{criterion.name.replace('_', '-')}",
            dest=criterion.name,
            type=int,
            metavar=f"{POINTS[0]}..{POINTS[-1]}",
            help=f"{criterion.question} 1: {criterion.labels[0]}; 5: {criterion.labels[-1]}",
        )
    parser.add_argument(
        "--effect",
        metavar="PARAMETER,METRIC,DIRECTION",
        help="the effect that supports this, such as model.cell,validity/tune_rate,raises; musicgen.compare "
        "reports when the runs no longer show it",
    )
    parser.add_argument("--author", help="your name")
    return parser.parse_args(arguments)


def note(arguments: argparse.Namespace) -> None:
    """Add the finding to the log and to Comet, and print the log's path."""
    # Import late: pydantic and the config take a moment, and --help should not wait for them.
    from musicgen.records.findings import CitedEffect, add_finding
    from musicgen.records.record import RunRecord
    from musicgen.run.additions import track_finding

    given = {name: getattr(arguments, name) for name in CRITERIA}
    effect = None if arguments.effect is None else CitedEffect.parse(arguments.effect)
    finding, path = add_finding(
        arguments.run_directory,
        arguments.text,
        {name: point for name, point in given.items() if point is not None},
        effect,
        arguments.author,
    )
    record = RunRecord.read(arguments.run_directory)
    line = track_finding(record, arguments.run_directory, finding)
    print(*filter(None, [line]), path, sep="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: note(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
