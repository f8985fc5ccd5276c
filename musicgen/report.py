"""`python -m musicgen.report PATH...`: a page that shows and plays what a study found."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.errors import InputError, exit_status
from musicgen.study.record import FILE_NAME

_FOLDER, _SINGLE_FILE, _PACK = "report", "report.html", "best-songs.zip"


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.report",
        description="Write a report of runs or sweeps that opens in any browser without the network: "
        "verdicts, plots, runs, songs side by side, the best songs, a summary.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="default: PATH/report, or report where there are several paths",
    )
    parser.add_argument(
        "--single-file",
        action="store_true",
        help="one HTML file with everything in it, audio too: report.html in --out, by default in PATH",
    )
    parser.add_argument("--pack", action="store_true", help="write best-songs.zip beside the page, to share")
    parser.add_argument(
        "--pairs",
        type=int,
        default=2,
        metavar="N",
        help="tunes of each change beside the baseline's; default: 2",
    )
    parser.add_argument("--best", type=int, default=10, metavar="N", help="songs on the board; default: 10")
    return parser.parse_args(arguments)


def report(arguments: argparse.Namespace) -> Path:
    """Write the report; returns the path of its page."""
    for name in ("pairs", "best"):
        if getattr(arguments, name) < 0:
            raise InputError(f"--{name} {getattr(arguments, name)}: a number from 0 on is needed")
    # pandas, jinja2 and matplotlib take a moment to import, which --help should not wait for.
    from musicgen.reporting.contents import Choices
    from musicgen.reporting.material import gather
    from musicgen.reporting.pack import write_pack
    from musicgen.reporting.page import write_folder, write_single_file

    material = gather(arguments.paths)
    choices = Choices(arguments.pairs, arguments.best)
    folder = _output_folder(arguments)
    if arguments.single_file:
        written = write_single_file(material, folder / _SINGLE_FILE, choices)
    else:
        written = write_folder(material, folder, choices)
    if arguments.pack:
        print(write_pack(written.contents, folder / _PACK))
    return written.page


def _output_folder(arguments: argparse.Namespace) -> Path:
    if arguments.out is not None:
        return arguments.out
    if len(arguments.paths) > 1:
        return Path(_FOLDER)
    path = arguments.paths[0]
    directory = path.parent if path.name == FILE_NAME else path
    return directory if arguments.single_file else directory / _FOLDER


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: print(report(parsed)))


if __name__ == "__main__":
    sys.exit(main())
