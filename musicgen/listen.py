"""`python -m musicgen.listen PATH...`: rate tunes of runs blind, and see the results."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from musicgen.run.additions import track_ratings
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.web_server import check_port

DEFAULT_PORT = 8765


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.listen",
        description="Serve a page, on this computer only, on which people rate tunes of the runs without "
        "knowing where they come from. Run the same command again to resume the session.",
    )
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them")
    add("--ab", action="store_true", help="choose between baseline and arm, pair by pair")
    words = "tunes (or pairs) that each person judges, the same number from every arm; default: 16"
    add("--num-tunes", type=int, metavar="N", help=words)
    words = "hidden corpus tunes, plus as many with shuffled notes; default: 2"
    add("--num-anchors", type=int, metavar="N", help=words)
    add("--criteria", nargs="+", metavar="NAME", help="from musicality variety structure emotion_and_style")
    words = "sets of four tunes of one run per arm, rated for how different they are; default: 0"
    add("--num-sets", type=int, metavar="N", help=words)
    words = (
        "the runs' corpus, for hidden tunes: a file, folder, glob or name from conf/data; default: by name"
    )
    add("--corpus", metavar="PATH", help=words)
    add("--soundfont", metavar="FILE", help="an .sf2 file for the tunes; default: the built-in one")
    words = "draw valid tunes only: no wrong bar, no error; default: every tune that has notes"
    add("--valid-only", dest="any_tune", action="store_false", default=None, help=words)
    # The default, which sessions of earlier versions had to ask for.
    add("--any-tune", action="store_true", default=None, help=argparse.SUPPRESS)
    words = "fade out here; default: 60, which hardly any tune exceeds, since repeats are left out"
    add("--max-seconds", type=int, metavar="N", help=words)
    add("--seed", type=int, help="seed of the draw and of every order; default: random, and recorded")
    words = "the baseline's value, as in musicgen.compare"
    add("--baseline", action="append", default=[], metavar="PARAMETER=VALUE", help=words)
    words = "folder for ratings and tables; default: PATH, or the working directory if there are several"
    add("--out", type=Path, metavar="DIR", help=words)
    add("--port", type=int, default=DEFAULT_PORT, help=f"default: {DEFAULT_PORT}; 0: any free one")
    add("--results", action="store_true", help="print the results so far and serve nothing")
    return parser.parse_args(arguments)


def listen(arguments: argparse.Namespace) -> None:
    """Start a session or resume one, serve it until a signal, and print its results."""
    check_port(arguments.port)
    # Import numpy and scipy late: --help and wrong arguments should not wait for them.
    from musicgen.listening.opening import Options, open_session
    from musicgen.listening.printing import print_results
    from musicgen.listening.server import serve_session

    service = open_session(Options(**vars(arguments)))
    num_before = len(service.results().listeners)
    terminated = None if arguments.results else serve_session(service, arguments.port)
    results = service.results()
    print_results(results, service.database)
    if len(results.listeners) > num_before:
        line = track_ratings(service.runs[0], service.folder, results.means, results.written)
        if line:
            print(line)
    print(service.folder)
    if terminated is not None:
        raise terminated


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: listen(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
