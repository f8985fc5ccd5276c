import numpy as np
from numba.core.registry import CPUDispatcher

from musicgen.compiling import compiled

SOURCE = """
def doubled(values):
    for place in range(len(values)):
        values[place] *= 2
"""


def test_what_cannot_be_kept_is_compiled_all_the_same() -> None:
    """Code without a file has no place for its machine code, as an installation that nobody may write to."""
    names: dict = {}
    exec(SOURCE, names)
    function = compiled()(names["doubled"])
    assert isinstance(function, CPUDispatcher)
    values = np.arange(3)
    function(values)
    assert values.tolist() == [0, 2, 4]
    assert function.signatures
