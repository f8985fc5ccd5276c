"""`python -m musicgen.evaluate TUNES.abc --reference CORPUS`: every metric of any ABC file, from any tool."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.config import corpus_names, data_config
from musicgen.records.destination import check_evaluation_files
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.csv_cells import write_rows
from musicgen.system.files import write_text_atomically


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.evaluate",
        description="Measure validity, similarity, diversity, originality and structure of tunes against a "
        "corpus.",
    )
    add = parser.add_argument
    add("tunes", type=Path, metavar="TUNES.abc", help="a file, folder or glob: .abc, .json, .csv, .zip")
    add(
        "--reference",
        required=True,
        metavar="CORPUS",
        help=f"a file, folder or glob, or one of {', '.join(corpus_names())}",
    )
    add("--requested", type=int, metavar="N", help="number of tunes requested, if the file holds fewer")
    add(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="also measure this metric of another package, or of a path such as package.module:function",
    )
    add("--json", type=Path, metavar="FILE", help="also write the numbers to FILE")
    add("--csv", type=Path, metavar="FILE", help="also write a row for each tune to FILE")
    add("--cache", type=Path, metavar="DIR", default=Path("outputs/cache"), help="default: %(default)s")
    return parser.parse_args(arguments)


def evaluate(arguments: argparse.Namespace) -> None:
    """Evaluate the tunes, print the table, and write the files that were requested."""
    # Import numpy and rich late, so that --help and wrong arguments respond at once.
    from musicgen.metrics.abc_files import evaluate_book, read_abc_files
    from musicgen.metrics.table import metrics_table
    from musicgen.system.terminal import print_table

    check_evaluation_files(arguments.json, arguments.csv)
    data = data_config(arguments.reference)
    book, name = read_abc_files(arguments.tunes, data), str(arguments.tunes)
    result = evaluate_book(book, name, data, arguments.cache, arguments.requested, arguments.metric)
    if arguments.json is not None:
        content = json.dumps(result.as_dict(), indent=2, allow_nan=False)
        write_text_atomically(arguments.json, content + "\n")
    if arguments.csv is not None:
        write_rows(
            [{"tune": place, **row} for place, row in enumerate(result.evaluation.per_tune, 1)], arguments.csv
        )
    metrics, reasons = result.evaluation.metrics, result.evaluation.reasons
    reference = result.reference
    print_table(metrics_table(metrics, metrics, reference.by_metric, reference.floor, reasons))
    print("\n".join(result.lines()))
    if arguments.csv is None:
        print("what is wrong with each tune, its nearest tune and its longest copy: add --csv FILE")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: evaluate(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
