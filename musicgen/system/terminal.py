"""Tables and texts as commands print them."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from musicgen.errors import one_line

FULL_WIDTH = 156
"""Width of the widest table in characters."""


def plain(value: object) -> Text:
    """A value without markup or control characters: it may come from a stranger's file."""
    return Text(one_line(str(value)))


def new_table(title: Text | str | None = None) -> Table:
    """A table without lines, with bold headings and a bold title on the left."""
    return Table(
        title=title,
        box=None,
        pad_edge=False,
        header_style="bold",
        title_style="bold",
        title_justify="left",
    )


def wide_console(width: int = FULL_WIDTH) -> Console:
    """A console as wide as the terminal, or of this width if the output is not a terminal."""
    return Console() if sys.stdout.isatty() else Console(width=width)


def print_table(table: Table) -> None:
    """Print at the terminal's width, or at full width if the output is not a terminal."""
    wide_console().print(table)
