import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from musicgen.compiling import compiled
from tests.full_disk import files_end_at

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


def doubling(folder: Path, factor: int = 2) -> CPUDispatcher:
    """The function out of a file, as another process would find it."""
    path = folder / "doubling.py"
    source = SOURCE.replace("*= 2", f"*= {factor}")
    if not path.exists() or path.read_text() != source:
        path.write_text(source)
        # A source of its own by its time too, which the system may tell only to a few milliseconds.
        os.utime(path, (factor, factor))
    specification = importlib.util.spec_from_file_location("doubling", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    function = compiled()(module.doubled)
    assert isinstance(function, CPUDispatcher)
    return function


def double(function: CPUDispatcher) -> list[int]:
    values = np.arange(3)
    function(values)
    return values.tolist()


def hits(function: CPUDispatcher) -> int:
    return sum(function.stats.cache_hits.values())


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[:-9], lambda content: bytes(len(content))]
)
def test_code_that_a_power_cut_left_damaged_is_compiled_again(
    suffix: str, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    double(doubling(tmp_path))
    (kept,) = (tmp_path / "__pycache__").glob(f"*.{suffix}")
    kept.write_bytes(damage(kept.read_bytes()))
    again = doubling(tmp_path)
    assert double(again) == [0, 2, 4] and hits(again) == 0
    repaired = doubling(tmp_path)
    assert double(repaired) == [0, 2, 4] and hits(repaired) == 1


def test_a_disk_that_takes_no_code_costs_the_keeping_alone(tmp_path: Path) -> None:
    with files_end_at(300):
        assert double(doubling(tmp_path)) == [0, 2, 4]
    again = doubling(tmp_path)
    assert double(again) == [0, 2, 4] and hits(again) == 0


def test_code_of_an_older_source_is_never_taken_for_that_of_the_new_one(tmp_path: Path) -> None:
    double(doubling(tmp_path))
    (older,) = (tmp_path / "__pycache__").glob("*.nbc")
    newer = doubling(tmp_path, factor=3)
    double(newer)
    # Killed after the index was written, and before the code was.
    for path in (tmp_path / "__pycache__").glob("*.nbc"):
        if path != older:
            path.unlink()
    again = doubling(tmp_path, factor=3)
    assert double(again) == [0, 3, 6] and hits(again) == 0
