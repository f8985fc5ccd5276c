"""`python -m musicgen.play RUN_DIR`: draw tunes in the browser, continue them, keep them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.web_server import check_port

DEFAULT_PORT = 8767


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.play",
        description="Serve a page, on this computer only, on which a trained run draws tunes at the press of "
        "a key. Tunes that are kept are written to a new folder in RUN_DIR/played.",
    )
    add = parser.add_argument
    add("run_directory", type=Path, metavar="RUN_DIR")
    words = "a second run, which draws with the same random numbers"
    add("other_run_directory", type=Path, nargs="?", metavar="OTHER_RUN_DIR", help=words)
    words = "the runs' corpus, for the nearest training tune: a file, folder, glob or name from conf/data; "
    add("--corpus", metavar="PATH", help=f"{words}default: by name")
    add("--soundfont", metavar="FILE", help="an .sf2 file for the tunes; default: the built-in one")
    add("--port", type=int, default=DEFAULT_PORT, help=f"default: {DEFAULT_PORT}; 0: any free one")
    return parser.parse_args(arguments)


def play(arguments: argparse.Namespace) -> None:
    """Load the runs and serve the page until a signal; print the folder of the kept tunes."""
    check_port(arguments.port)
    # Import torch late: --help and wrong arguments should not wait for it.
    from musicgen.playing.opening import open_player
    from musicgen.playing.server import PlayingServer

    directories = [path for path in (arguments.run_directory, arguments.other_run_directory) if path]
    print("loading the network ...", flush=True)
    with open_player(directories, arguments.corpus, arguments.soundfont) as service:
        server = PlayingServer(service, arguments.port)
        print("Ctrl-C stops the server")
        try:
            server.serve_until_interrupted()
        finally:
            if service.book.folder is not None:
                print(service.book.folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: play(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
