"""Kill every command at random, cut off its newest files, fill its disk, forbid writing: is anything lost?

    python -m tests.soak.crashes [--kinds kills power full read-only] [--commands train sweep ...]
                                 [--number 10] [--seed 0] [--seconds 240] [--results FILE] [--folder DIR]

kills      `kill -9` at a random moment, of the command alone or of all that it started, several times in one
           folder; then the same command to its end.
power      a kill or the end, then the newest files are cut off at random; then the same command to its end.
full       the command on a disk with too little room, of a random size; then with room.
read-only  the command where outputs, store or cache may not be written; then where they may.

After every disturbance each file under its final name must be whole. After the undisturbed end everything
must be what a run that was never disturbed leaves: weights and losses bit for bit, tunes, tables, songs,
reports. A rating that the page confirmed must be there. What goes wrong must be a line and no traceback.
Exits with 1 where one of this does not hold.

With --results every disturbance is a line of JSON in that file, and the command goes on where it stopped:
--number is that of all disturbances of a kind and command. --seconds ends it early, between two folders.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.soak.disks import CannotMountError
from tests.soak.disturbances import FINE, Book, Trials, full, kills, power, read_only
from tests.soak.rating import NAME, fill_disk, kill_server
from tests.soak.scenes import Materials, scenes
from tests.soak.warm import import_all

KINDS = ("kills", "power", "full", "read-only")


def _run(arguments: argparse.Namespace, folder: Path, book: Book) -> None:
    import_all()
    materials = Materials(folder / "materials")
    materials.make()
    until = time.monotonic() + arguments.seconds
    known = scenes(materials)
    does: dict[str, Callable[[Trials, int], None]] = {
        "kills": kills,
        "power": power,
        "full": full,
        "read-only": read_only,
    }
    for name in arguments.commands:
        if name == NAME:
            if "kills" in arguments.kinds:
                kill_server(materials, folder, arguments.seed, arguments.number, book, until)
            if {"full", "read-only"} & set(arguments.kinds):
                fill_disk(materials, folder, arguments.kinds, book)
            continue
        trials = Trials(known[name], folder, arguments.seed, book, until)
        for kind in arguments.kinds:
            does[kind](trials, arguments.number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Disturb; returns the exit status."""
    commands = (*scenes(Materials(Path())), NAME)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--commands", nargs="+", choices=commands, default=commands)
    parser.add_argument("--number", type=int, default=10, help="of disturbances for each kind and command")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing new after these")
    parser.add_argument(
        "--results", type=Path, help="keep a line for each disturbance here, and go on with it"
    )
    parser.add_argument("--folder", type=Path, help="work here, and keep it")
    parsed = parser.parse_args(arguments)
    folder = parsed.folder or Path(tempfile.mkdtemp(prefix="crashes-"))
    book = Book.open(parsed.results)
    try:
        _run(parsed, folder.absolute(), book)
    except CannotMountError as error:
        print(f"no disk can be mounted here, so none was filled or made read-only: {error}")
        return 1
    finally:
        if parsed.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    for (kind, command, outcome), number in sorted(
        Counter((str(one["kind"]), str(one["command"]), str(one["outcome"])) for one in book.lines).items()
    ):
        print(f"{kind:10} {command:7} {number:4}  {outcome}")
    broken = sum(line["outcome"] not in FINE for line in book.lines)
    print(f"{len(book.lines)} disturbances, {broken} of them cost something")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
