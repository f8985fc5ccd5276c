"""Which work comes first where there are fewer cores than work."""

import os

_NICENESS = 3
"""Where one that trains and two that give way share two cores, the first still has one of them for itself.
More would let a sweep starve beside other work: at 5 the study of 13 points took 139 s beside two busy
processes, at 3 it took 119, at 0 105."""


def give_way() -> None:
    """Let processes that do not give way compute first, from now on; on Windows nothing happens."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
