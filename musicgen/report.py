"""`python -m musicgen.report PATH...`: write a page that shows and plays what a study found."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.errors import InputError
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.web_server import check_port

DEFAULT_PORT = 8766


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.report",
        description="Write a report of runs or sweeps that opens in any browser without the network: "
        "verdicts, plots, runs, songs side by side, the best songs, a summary.",
    )
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them")
    add("--out", type=Path, metavar="DIR", help="default: PATH/report; report if there are several paths")
    words = "write one file with everything in it: report.html in --out or PATH"
    add("--single-file", action="store_true", help=words)
    add("--pack", action="store_true", help="also write best-songs.zip, to share")
    words = (
        "also write the study to a small folder for a repository, such as experiments/NAME: text, tables, "
        "figures and three songs; an earlier copy is replaced"
    )
    add("--keep", type=Path, metavar="DIR", help=words)
    add("--pairs", type=int, default=2, metavar="N", help="tunes to compare for each change; default: 2")
    add("--best", type=int, default=10, metavar="N", help="number of best songs to show; default: 10")
    add("--soundfont", metavar="FILE", help="an .sf2 file for the songs; default: the built-in one")
    words = "then serve the page on this computer only, with a form on each run for findings, until Ctrl-C"
    add("--serve", action="store_true", help=words)
    add("--port", type=int, metavar="N", help=f"for --serve; default: {DEFAULT_PORT}; 0: any free one")
    return parser.parse_args(arguments)


def report(arguments: argparse.Namespace) -> Path:
    """Write the report; returns the path of its page. Raises InputError."""
    for name in ("pairs", "best"):
        if getattr(arguments, name) < 0:
            raise InputError(f"--{name} {getattr(arguments, name)}: must be at least 0")
    if arguments.serve and arguments.single_file:
        raise InputError("--serve needs a report folder, which --single-file does not write: use one of them")
    if arguments.port is not None and not arguments.serve:
        raise InputError(f"--port {arguments.port}: only --serve has a port")
    port = DEFAULT_PORT if arguments.port is None else arguments.port
    check_port(port)
    # Import pandas, jinja2 and matplotlib late: --help and wrong arguments should not wait for them.
    from musicgen.reporting.markup import page_alone
    from musicgen.reporting.report import ReportOptions
    from musicgen.reporting.report_files import write_report
    from musicgen.reporting.server import serve_report
    from musicgen.run.additions import track_page

    options = ReportOptions(arguments.pairs, arguments.best, arguments.soundfont)
    written = write_report(
        arguments.paths,
        options,
        out=arguments.out,
        single_file=arguments.single_file,
        pack=arguments.pack,
        keep=arguments.keep,
    )
    for line in written.also_written:
        print(line)
    if len(arguments.paths) == 1:
        track_page(arguments.paths[0], page_alone(written.page.read_text(encoding="utf-8")))
    if arguments.serve:
        serve_report(written, port)
    return written.page


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: print(report(parsed)))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
