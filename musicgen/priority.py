"""Which work comes first where there are fewer cores than work."""

import os

_NICENESS = 10
"""Enough to leave a core to whoever has none of it: about a tenth of their share where both want one."""


def give_way() -> None:
    """Let processes that do not give way compute first, from now on; on Windows nothing happens."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
