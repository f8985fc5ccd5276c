"""What the tests would notice: small changes of the code, and how many of them make a test fail.

    python -m tests.soak.mutants --sample 300              # draws them, tries each, prints the table
    python -m tests.soak.mutants --sample 300 --again      # tries the survivors again, after better tests
    python -m tests.soak.mutants --sample 300 --survivors  # tries nothing, shows what survived
    python -m tests.soak.mutants --sample 100 --skip 300   # the next 100 of the same order
    python -m tests.soak.mutants --sample 40 --module musicgen/system/files.py

Needs cosmic-ray, which makes the changes: `pip install musicgen[mutation]`. They are made in a copy of the
repository, one at a time; each runs the test files that mirror its module (see mutating/modules.py) until
one test fails. Every trial adds a line to the table of results at once, and the same command goes on behind
the last one. The first trial of a mutant counts as "before", its latest as "now". Exits with 1 where the
tests fail without a change, or where less than `--least` of the sample is noticed.
"""

import argparse
import csv
import difflib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.soak.mutating.modules import ROOT, TESTED_BY, group_of, mirrors_of
from tests.soak.mutating.places import Mutant, draw, mutated
from tests.soak.mutating.trial import (
    SECONDS_MORE,
    TIMES_AS_LONG,
    Outcome,
    changed,
    copied,
    prepare,
    run_tests,
)

COLUMNS = ("mutant", "verdict", "seconds", "test")
History = Mapping[str, Sequence[str]]
"""Key of a mutant -> its verdicts, the first trial first."""


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak.mutants",
        description="Try small changes of the code, and whether a test notices.",
    )
    parser.add_argument("--sample", type=int, default=300, metavar="N", help="mutants; default: 300")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which they are drawn")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first of this order")
    parser.add_argument("--module", action="append", metavar="PATH", help="only this one; can be repeated")
    parser.add_argument("--results", type=Path, metavar="FILE", help="default: outputs/mutants-<seed>.csv")
    parser.add_argument("--again", action="store_true", help="try those again that no test has failed for")
    parser.add_argument("--survivors", action="store_true", help="show them, and try nothing")
    parser.add_argument("--least", type=float, default=0.85, metavar="SHARE", help="default: 0.85")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, try, tell; returns the exit status."""
    options = _parse_arguments(arguments)
    modules = options.module or [module for group in TESTED_BY.values() for module in group]
    results = (options.results or ROOT / "outputs" / f"mutants-{options.seed}.csv").absolute()
    mutants = draw(ROOT, modules, options.sample, options.seed, options.skip)
    history = read_results(results)
    if options.survivors:
        _show([one for one in mutants if history.get(one.key, [""])[-1] == "survived"])
        return 0
    left = [
        one
        for one in mutants
        if one.key not in history or (options.again and history[one.key][-1] != "killed")
    ]
    if left and not _try_all(left, results):
        return 1
    history = read_results(results)
    tried = {one: history[one.key] for one in mutants}
    _print_table(tried)
    noticed = share(tried, -1)
    print(f"{len(tried)} mutants, {noticed:.1%} noticed (before: {share(tried, 0):.1%})")
    return 0 if noticed >= options.least else 1


def read_results(path: Path) -> dict[str, list[str]]:
    """The verdicts of every mutant, the first trial first; empty where there is no table yet."""
    history: dict[str, list[str]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                history.setdefault(row["mutant"], []).append(row["verdict"])
    return history


def share(tried: Mapping[Mutant, Sequence[str]], trial: int) -> float:
    """The part of the mutants that a test noticed in their first trial (0) or latest (-1)."""
    return sum(verdicts[trial] != "survived" for verdicts in tried.values()) / len(tried)


def _try_all(mutants: Sequence[Mutant], results: Path) -> bool:
    """Try each and write its line; False where the tests of a module fail without a change."""
    with copied(ROOT, Path(tempfile.mkdtemp(prefix="mutants-"))) as copy:
        prepare(ROOT, copy)
        limits: dict[str, float] = {}
        for number, one in enumerate(mutants, start=1):
            if one.module not in limits:
                unchanged = run_tests(copy, mirrors_of(one.module))
                if unchanged.verdict != "survived":
                    print(f"musicgen: {one.module}: {unchanged.test} fails without a change", file=sys.stderr)
                    return False
                limits[one.module] = TIMES_AS_LONG * unchanged.seconds + SECONDS_MORE
                print(f"{one.module}: {unchanged.seconds:.1f} s without a change", flush=True)
            with changed(copy / one.module, mutated(ROOT, one)):
                outcome = run_tests(copy, mirrors_of(one.module), limits[one.module])
                if outcome.verdict == "timed out":
                    # The machine may have been busy.
                    outcome = run_tests(copy, mirrors_of(one.module), 3 * limits[one.module])
            _append(results, one, outcome)
            print(f"{number}/{len(mutants)} {one.key}: {outcome.verdict} {outcome.test}", flush=True)
    return True


def _append(results: Path, mutant: Mutant, outcome: Outcome) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    is_new = not results.exists()
    with results.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerow([mutant.key, outcome.verdict, f"{outcome.seconds:.2f}", outcome.test])


def _print_table(tried: Mapping[Mutant, Sequence[str]]) -> None:
    table = Table(
        "module", "mutants", "noticed", "survived", "share", "before", box=None, header_style="bold"
    )
    for group, modules in TESTED_BY.items():
        for name in (*modules, group):
            part = {one: all_ for one, all_ in tried.items() if name in (one.module, group_of(one.module))}
            if part:
                survived = sum(verdicts[-1] == "survived" for verdicts in part.values())
                style = "bold" if name == group else None
                numbers = (len(part), len(part) - survived, survived)
                shares = (f"{share(part, -1):.0%}", f"{share(part, 0):.0%}")
                table.add_row(name, *map(str, numbers), *shares, style=style)
    Console(width=110).print(table)


def _show(survivors: Sequence[Mutant]) -> None:
    for one in survivors:
        print(f"\n{one.key}")
        before, after = (ROOT / one.module).read_text(encoding="utf-8"), mutated(ROOT, one)
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
        print("\n".join(line for line in lines if not line.startswith(("---", "+++", "@@"))))


if __name__ == "__main__":
    sys.exit(main())
