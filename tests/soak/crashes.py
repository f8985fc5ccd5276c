"""Kill every command at random, truncate its newest files, fill its disk, forbid writing: is anything lost?

    python -m tests.soak.crashes [--kinds kills power full read-only] [--commands train sweep ...]
                                 [--number 10] [--seed 0] [--seconds 240] [--results FILE] [--folder DIR]

kills      `kill -9` at a random moment, of the command alone or of all its processes, several times in one
           folder; then run the same command to its end.
power      Kill the command or let it end, truncate the newest files at random, run it to its end.
full       Run the command on a disk with too little space, of a random size; then with enough.
read-only  Run the command where outputs, store or cache are read-only; then where they are writable.

After every disturbance, each file under its final name must be intact. After the last run, everything must
equal what an undisturbed run writes: weights and losses bit for bit, tunes, tables, songs, reports. Every
rating that the page confirmed must be saved. Errors must be one line without a traceback. Exits with 1 if
any of this does not hold.

With --results, every disturbance is a line of JSON in that file, and a later call resumes from it; --number
counts the disturbances of a kind and command in all calls. --seconds stops between two folders.
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
from tests.soak.disturbances import FINE, Journal, Trials, full, kills, power, read_only
from tests.soak.forked_commands import import_all
from tests.soak.rating import NAME, fill_disk, kill_server
from tests.soak.scenes import Materials, scenes

KINDS: dict[str, Callable[[Trials, int], None]] = {
    "kills": kills,
    "power": power,
    "full": full,
    "read-only": read_only,
}


def _run(arguments: argparse.Namespace, folder: Path, journal: Journal) -> None:
    import_all()
    materials = Materials(folder / "materials")
    materials.make()
    deadline = time.monotonic() + arguments.seconds
    known = scenes(materials)
    for name in arguments.commands:
        if name == NAME:
            if "kills" in arguments.kinds:
                kill_server(materials, folder, arguments.seed, arguments.number, journal, deadline)
            if {"full", "read-only"} & set(arguments.kinds):
                fill_disk(materials, folder, arguments.kinds, journal)
            continue
        trials = Trials(known[name], folder, arguments.seed, journal, deadline)
        for kind in arguments.kinds:
            KINDS[kind](trials, arguments.number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the disturbances; returns the exit status."""
    commands = (*scenes(Materials(Path())), NAME)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--commands", nargs="+", choices=commands, default=commands)
    parser.add_argument("--number", type=int, default=10, help="of disturbances for each kind and command")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no new folder after this")
    parser.add_argument("--results", type=Path, help="record each disturbance here, and resume from it")
    parser.add_argument("--folder", type=Path, help="work here, and keep it")
    parsed = parser.parse_args(arguments)
    folder = parsed.folder or Path(tempfile.mkdtemp(prefix="crashes-"))
    journal = Journal.open(parsed.results)
    try:
        _run(parsed, folder.absolute(), journal)
    except CannotMountError as error:
        print(f"no disk was filled or made read-only, because none can be mounted here: {error}")
        return 1
    finally:
        if parsed.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    counts = Counter(
        (str(line["kind"]), str(line["command"]), str(line["outcome"])) for line in journal.lines
    )
    for (kind, command, outcome), number in sorted(counts.items()):
        print(f"{kind:10} {command:7} {number:4}  {outcome}")
    broken = sum(line["outcome"] not in FINE for line in journal.lines)
    print(f"{len(journal.lines)} disturbances, {broken} with a loss")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
