"""`musicgen store list` and `musicgen store prune`: the trained networks, and which of them to keep."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from musicgen.errors import InputError
from musicgen.records.store import count_text, prune, read_store, store_table
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.terminal import print_table


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.store",
        description="List or remove trained networks. A run that needs a removed one trains it again; tunes "
        "and results of runs stay.",
    )
    parser.add_argument(
        "--outputs", type=Path, default=Path("outputs"), metavar="DIR", help="default: outputs"
    )
    parser.add_argument("--store", type=Path, metavar="DIR", help="default: store in --outputs")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="list all trainings, the most recently used first")
    pruning = verbs.add_parser("prune", help="remove the trainings used longest ago")
    pruning.add_argument("--older-than", type=float, metavar="DAYS", help="those not used for this long")
    pruning.add_argument("--larger-than", type=float, metavar="GB", help="until the store is below this size")
    pruning.add_argument(
        "--no-locks",
        action="store_true",
        help="for a file system without locks; a training in progress may be removed as well",
    )
    pruning.add_argument("--dry-run", action="store_true", help="only print what would be removed")
    return parser.parse_args(arguments)


def _prune(folder: Path, arguments: argparse.Namespace) -> None:
    days, gigabytes = arguments.older_than, arguments.larger_than
    if days is None and gigabytes is None:
        raise InputError("prune needs --older-than DAYS or --larger-than GB")
    for option, value in (("--older-than", days), ("--larger-than", gigabytes)):
        if value is not None and not value >= 0:
            raise InputError(f"{option} {value:g}: allowed are numbers from 0")
    removed, in_use = prune(
        read_store(folder, locks=not arguments.no_locks),
        older_than=None if days is None else datetime.now() - timedelta(days=days),
        max_bytes=None if gigabytes is None else int(gigabytes * 1e9),
        dry_run=arguments.dry_run,
    )
    for training in in_use:
        print(f"kept {training.folder.path.name}: a process is training it")
    print(f"{'would remove' if arguments.dry_run else 'removed'} {count_text(removed)}")


def run(arguments: argparse.Namespace) -> None:
    """List or prune; raises InputError."""
    folder = arguments.store or arguments.outputs / "store"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such store; --outputs names another output folder")
    if arguments.verb == "prune":
        return _prune(folder, arguments)
    trainings = read_store(folder)
    print_table(store_table(trainings))
    print(count_text(trainings))
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
