"""`python -m musicgen.sample RUN_DIR`: sample more tunes from a trained run, with other settings."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from musicgen.run.resample import resample
from musicgen.system.commands import exit_status, in_settled_environment

_SAMPLING = (
    *("num_tunes", "temperature", "prompts", "max_chars", "top_k", "top_p", "weights"),
    *("key", "meter", "rhythm", "range", "keep", "max_draws"),
)


_NONE = "none"


def _or_none(read: Callable[[str], object]) -> Callable[[str], object]:
    """Reads a value, or "none" for no limit and no wish."""

    def read_or_none(text: str) -> object:
        return None if text == _NONE else read(text)

    read_or_none.__name__ = read.__name__  # argparse names it in its complaint
    return read_or_none


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.sample",
        description="Sample more tunes from a trained run. Options default to the settings of the run; "
        "--key none drops a wish of the run, and the same goes for other wishes and limits.",
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add("run_directory", type=Path, metavar="RUN_DIR")
    add("--num-tunes", type=int)
    add("--temperature", type=float, action="append", metavar="T", help="can be repeated")
    add("--prompt", action="append", dest="prompts", help=r"seed string; \n is a newline; can be repeated")
    add("--key", type=_or_none(str), help="K: of every tune, such as Em")
    add("--meter", type=_or_none(str), help="M: of every tune, such as 6/8")
    add("--rhythm", type=_or_none(str), help="R: of every tune, such as jig")
    in_range = "keep tunes within D4-B5, or within an instrument such as whistle"
    add("--range", type=_or_none(str), metavar="NOTES", help=in_range)
    add("--keep", choices=["all", "sound"], help="sound: keep only tunes that are sound")
    add("--max-draws", type=_or_none(int), help="draw at most this many tunes to keep the number requested")
    add("--max-chars", type=int, help="maximum length of a tune in characters")
    add("--top-k", type=_or_none(int), help="sample only from the k most likely characters")
    add(
        "--top-p",
        type=_or_none(float),
        help="sample only from the most likely characters with this total probability",
    )
    add("--weights", choices=["best", "last"], help="lowest validation loss, or end of training")
    add("--seed", type=int, help="another seed gives other tunes")
    add("--render", type=int, metavar="N", help="number of tunes to render")
    add("--soundfont", metavar="FILE", help="an .sf2 file; default: the built-in soundfont")
    add("--out", type=Path, metavar="DIR", help="default: a new folder in RUN_DIR/samples")
    return parser.parse_args(arguments)


def sample(arguments: argparse.Namespace) -> Path:
    """Sample, write and render the tunes; returns their folder."""
    given = vars(arguments)
    return resample(
        arguments.run_directory,
        {name: given[name] for name in _SAMPLING if name in given},
        seed=given.get("seed"),
        num_rendered=given.get("render"),
        soundfont=given.get("soundfont"),
        folder=given.get("out"),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: print(sample(parsed)))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
