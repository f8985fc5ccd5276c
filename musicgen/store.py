"""`python -m musicgen.store list` and `prune`: the trained networks, and which of them to keep."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rich.table import Table

from musicgen.errors import InputError
from musicgen.metrics.table import plain, print_table
from musicgen.records.store import StoredTraining, prune, read_store
from musicgen.system.commands import exit_status, in_settled_environment


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.store",
        description="List what has been trained, or remove what is not worth its place. What is removed is "
        "trained again when a run asks for it; runs keep their tunes and results.",
    )
    parser.add_argument(
        "--outputs", type=Path, default=Path("outputs"), metavar="DIR", help="default: outputs"
    )
    parser.add_argument("--store", type=Path, metavar="DIR", help="default: store in --outputs")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="every training, the one used last first")
    pruning = verbs.add_parser("prune", help="remove trainings, those not used for the longest time first")
    pruning.add_argument(
        "--older-than", type=float, metavar="DAYS", help="all that were not used for so long"
    )
    pruning.add_argument(
        "--larger-than", type=float, metavar="GB", help="until the store takes no more than this"
    )
    pruning.add_argument(
        "--no-locks",
        action="store_true",
        help="the file system has none: also what is being trained may go, so that nobody should train now",
    )
    pruning.add_argument("--dry-run", action="store_true", help="only say what would go")
    return parser.parse_args(arguments)


def _print_list(trainings: Sequence[StoredTraining]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("training", "last used", "size", "iterations", "of"):
        table.add_column(heading, no_wrap=heading != "of", justify="right" if heading == "size" else "left")
    for training in trainings:
        table.add_row(
            plain(training.folder.path.name),
            f"{training.last_used:%Y-%m-%d %H:%M}",
            _size(training.num_bytes),
            " ".join(str(state.iteration) for state in reversed(training.folder.states())),
            plain(_words(training.folder.about)),
        )
    print_table(table)
    print(f"{len(trainings)} trainings, {_size(sum(training.num_bytes for training in trainings))}")


def _words(about: Mapping) -> str:
    """What was trained, as about.json says."""
    if not about:
        return "no run of it has ended"
    try:
        return (
            f"{about['corpus']}, {about['cell']} {about['num_layers']} × {about['hidden_size']}, "
            f"learning rate {about['learning_rate']:g}, seed {about['seed']}"
        )
    except (KeyError, TypeError, ValueError):
        return "its about.json is damaged"


def _prune(trainings: Sequence[StoredTraining], arguments: argparse.Namespace) -> None:
    days, gigabytes = arguments.older_than, arguments.larger_than
    if days is None and gigabytes is None:
        raise InputError("prune: say what is to go with --older-than DAYS or --larger-than GB")
    for option, value in (("--older-than", days), ("--larger-than", gigabytes)):
        if value is not None and not value >= 0:
            raise InputError(f"{option} {value:g}: allowed are numbers from 0")
    removed, in_use = prune(
        trainings,
        older_than=None if days is None else datetime.now() - timedelta(days=days),
        max_bytes=None if gigabytes is None else int(gigabytes * 1e9),
        dry_run=arguments.dry_run,
    )
    for training in in_use:
        print(f"{training.folder.path.name} stays: a process trains it")
    verb = "would remove" if arguments.dry_run else "removed"
    print(f"{verb} {len(removed)} trainings, {_size(sum(training.num_bytes for training in removed))}")


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def run(arguments: argparse.Namespace) -> None:
    """List or prune; raises InputError."""
    folder = arguments.store or arguments.outputs / "store"
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no store; --outputs names another output tree")
    if arguments.verb == "list":
        _print_list(read_store(folder))
    else:
        _prune(read_store(folder, locks=not arguments.no_locks), arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
