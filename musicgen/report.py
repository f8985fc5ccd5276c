"""`python -m musicgen.report PATH...`: a page that shows and plays what a study found."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.errors import InputError, one_line
from musicgen.records.destination import check_report_folder
from musicgen.records.record import FILE_NAME
from musicgen.run.uploads import track_finding
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.files import refuse_link
from musicgen.system.locks import locked
from musicgen.system.web_server import check_port

if TYPE_CHECKING:
    from musicgen.reporting.page import Written

DEFAULT_PORT = 8766
_FOLDER, _SINGLE_FILE, _PACK, _LOCK = "report", "report.html", "best-songs.zip", ".report.lock"


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
        "--keep",
        type=Path,
        metavar="DIR",
        help="also write the study to a folder that is small enough for a repository, such as "
        "experiments/NAME: words, tables, figures, three songs; what it wrote before is written again",
    )
    parser.add_argument(
        "--pairs",
        type=int,
        default=2,
        metavar="N",
        help="tunes of each change beside the baseline's; default: 2",
    )
    parser.add_argument("--best", type=int, default=10, metavar="N", help="songs on the board; default: 10")
    parser.add_argument(
        "--soundfont", metavar="FILE", help="an .sf2 file to play the songs with; default: the built-in one"
    )
    parser.add_argument(
        "--serve",
        action="store_true",
        help="then show the page at an address of this computer alone, with a field for each run that "
        "writes findings down; Ctrl-C ends it",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help=f"of --serve; default: {DEFAULT_PORT}; 0: any free one"
    )
    return parser.parse_args(arguments)


def report(arguments: argparse.Namespace) -> Path:
    """Write the report; returns the path of its page."""
    for name in ("pairs", "best"):
        if getattr(arguments, name) < 0:
            raise InputError(f"--{name} {getattr(arguments, name)}: a number from 0 on is needed")
    _check_serving(arguments)
    # pandas, jinja2 and matplotlib take a moment to import, which --help should not wait for.
    from musicgen.reporting.contents import Choices
    from musicgen.reporting.kept import write_kept
    from musicgen.reporting.kept_folder import check_folder
    from musicgen.reporting.material import gather
    from musicgen.reporting.pack import write_pack
    from musicgen.reporting.page import write_folder, write_single_file

    material = gather(arguments.paths)
    if arguments.keep is not None:
        check_folder(material, arguments.keep)
    choices = Choices(arguments.pairs, arguments.best, arguments.soundfont)
    own = next((run.soundfont for run in material.all_runs if run.soundfont), None)
    if own is not None and arguments.soundfont is None:
        print(
            one_line(f"the built-in soundfont plays, not the runs' own ({own}): --soundfont FILE names one")
        )
    folder = _output_folder(arguments)
    check_report_folder(folder, _names(arguments))
    if arguments.out is None:
        for name in (_FOLDER, _SINGLE_FILE, _PACK):
            refuse_link(folder.parent / name if folder.name == _FOLDER else folder / name)
    # Songs are written, compressed and removed under names that another report in this folder would have too.
    with locked(folder / _LOCK, locks=all(run.record.has_locks for run in material.all_runs)):
        if arguments.single_file:
            written = write_single_file(material, folder / _SINGLE_FILE, choices)
        else:
            written = write_folder(material, folder, choices)
        if arguments.pack:
            print(write_pack(written.contents, folder / _PACK))
        if arguments.keep is not None:
            print(write_kept(written.contents, arguments.keep))
    if arguments.serve:
        _serve(written, DEFAULT_PORT if arguments.port is None else arguments.port)
    return written.page


def _check_serving(arguments: argparse.Namespace) -> None:
    if arguments.serve and arguments.single_file:
        raise InputError("--serve shows the report's folder, and --single-file writes none: leave one out")
    if arguments.port is not None:
        if not arguments.serve:
            raise InputError(f"--port {arguments.port}: only --serve has a port")
        check_port(arguments.port)


def _serve(written: "Written", port: int) -> None:
    """Show the report until Ctrl-C or another signal; then its files and Comet get what was written down."""
    from musicgen.reporting.page import write_pages
    from musicgen.reporting.server import ReportServer

    folder = written.page.parent
    server = ReportServer(written.contents, folder, port)
    print("Ctrl-C ends the page; every finding is saved at once")
    try:
        server.serve_until_interrupted()
    finally:
        if server.added:
            write_pages(server.contents_of_now(), folder)
        for run, finding in server.added:
            track_finding(run.record, run.directory, finding)


def _names(arguments: argparse.Namespace) -> list[str]:
    """What the report writes into its folder, the page first."""
    from musicgen.reporting.page import MADE_BY_A_REPORT

    names = [_SINGLE_FILE] if arguments.single_file else MADE_BY_A_REPORT
    return [*names, _PACK] if arguments.pack else [*names]


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
    sys.exit(in_settled_environment(main))
