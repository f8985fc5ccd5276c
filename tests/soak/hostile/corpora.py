"""Files and folders to pass as a corpus, or as tunes to evaluate."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

_LETTERS = "CDEFGABcdefgab"
GIGABYTE = 10**9


def tune(number: int, num_bars: int = 8) -> str:
    """A valid tune whose notes depend on `number`."""
    chance = np.random.default_rng(number)
    bars = ["".join(_LETTERS[note] for note in chance.integers(0, 14, 8)) for _ in range(num_bars)]
    return f"X:{number + 1}\nT:Tune {number}\nR:reel\nM:4/4\nL:1/8\nK:C\n{'|'.join(bars)}|]\n\n"


def tunebook(path: Path, num_tunes: int = 60) -> Path:
    """Write a file of valid tunes."""
    path.write_text("".join(map(tune, range(num_tunes))), encoding="utf-8")
    return path


def _link_cycle(path: Path) -> None:
    path.mkdir()
    (path / "one.abc").symlink_to(path / "two.abc")
    (path / "two.abc").symlink_to(path / "one.abc")
    (path / "folder").symlink_to(path)


def _folder_in_itself(path: Path) -> None:
    path.mkdir()
    tunebook(path / "tunes.abc")
    (path / "again").symlink_to(path)
    os.mkfifo(path / "pipe.abc")


def _repeated(piece: bytes, num_bytes: int, head: bytes = b"") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        block = piece * max(10**6 // len(piece), 1)
        with path.open("wb") as file:
            file.write(head)
            for _ in range(num_bytes // len(block)):
                file.write(block)

    return make


def _text(content: Callable[[], str]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text(content(), encoding="utf-8")

    return make


def _valid_and(bad: Callable[[], str]) -> Callable[[Path], None]:
    """Valid tunes followed by something else."""
    return _text(lambda: "".join(map(tune, range(60))) + bad())


def _voices() -> str:
    return "X:900\nM:4/4\nL:1/8\nK:C\n" + "".join(f"V:{voice}\nC|\n" for voice in range(10_000))


def _near_duplicates() -> str:
    run = "CDEFGABcBAGFEDCDEFGABcB"
    ends = (_LETTERS[n % 14] + "^C" * (n // 14 % 50) + "_B" * (n // 700) for n in range(12_000))
    return "".join(f"X:{n}\nM:4/4\nK:C\n{run}{end}\n\n" for n, end in enumerate(ends))


def _many_characters() -> str:
    letters = "".join(chr(code) for code in range(0x3400, 0x3400 + 60_000) if not 0xD800 <= code < 0xE000)
    return "".join(
        f"X:{n}\nT:{letters[n * 1000 : n * 1000 + 1000]}\nM:4/4\nK:C\n{tune(n).split('K:C')[1].lstrip()}"
        for n in range(59)
    )


_HEAD = b"X:1\nM:4/4\nL:1/8\nK:C\n"
REFUSED: Mapping[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path),
    "a folder with a cycle of links": _link_cycle,
    "an empty folder": Path.mkdir,
    "an empty file": Path.touch,
    "1 GB of tunes": _repeated(tune(1).encode(), GIGABYTE),
    "1 GB in one line": _repeated(b"CDEFGABc|", GIGABYTE, _HEAD),
    "1 GB of zeros": _repeated(b"\0", GIGABYTE),
    "zeros in a tune": _text(lambda: "X:1\nK:C\nCDE\0FGA|\n"),
    "30 MB in one line": _repeated(b"CDEFGABc|", 30 * 10**6, _HEAD),
    "30 MB in one tune": _repeated(b"CDEFGABc|\n", 30 * 10**6, _HEAD),
    "30 MB of brackets": _repeated(b"[", 30 * 10**6, _HEAD),
    "30 MB without a tune": _repeated(b"words\n", 30 * 10**6),
    "30 MB of empty tunes": _repeated(b"X:1\nK:C\n\n", 30 * 10**6),
}
"""Refused by both `train` and `evaluate`."""
REFUSED_BY_TRAIN: Mapping[str, Callable[[Path], None]] = {
    "12,000 tunes that share a run of notes": _text(_near_duplicates),
    "60,000 different characters": _text(_many_characters),
}
READ: Mapping[str, Callable[[Path], None]] = {
    "a folder that contains itself and a pipe": _folder_in_itself,
    "10,000 voices": _valid_and(_voices),
    "a long tune": _valid_and(lambda: tune(70, num_bars=5000)),
    "titles with markup, shell commands and paths": _valid_and(
        lambda: "".join(
            tune(n).replace("T:Tune", f"T:{title} ", 1)
            for n, title in enumerate(
                (
                    "<script>alert(1)</script>",
                    "$(touch marker)",
                    "`touch marker`",
                    "../../marker",
                    "a;touch marker",
                )
            )
        )
    ),
    "control characters": _valid_and(lambda: "X:9\nT:\x1b[31m\u202e\x85\u2028\nM:4/4\nK:C\n\x07CDEFGABc|]\n"),
}
"""Read by both."""
