"""Former crashes, and a few hundred new inputs, read without Atheris."""

import contextlib
import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from musicgen.errors import InputError
from tests.soak.fuzzing.crashes import Crashes, TooSlow, place_of
from tests.soak.fuzzing.mutations import mutate, mutate_some_bytes
from tests.soak.fuzzing.readers import CRASHES, READERS

KEPT = sorted((Path(__file__).parents[2] / CRASHES).glob("*.bin"))
NUM_INPUTS = {"tunes": 300, "places": 150, "configs": 30, "runs": 60}


def reader_of(path: Path) -> str:
    return path.name.partition("-")[0]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_former_crashes_are_read_or_refused(path: Path) -> None:
    read, _ = READERS[reader_of(path)].load()
    with contextlib.suppress(InputError):
        read(path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_mutated_inputs_are_read_or_refused(name: str, tmp_path: Path) -> None:
    read, seeds = READERS[name].load()
    crashes, rng = Crashes(tmp_path, name), random.Random(7)
    good = seeds()[:40]
    for content in good[:3]:
        read(content)
    for _ in range(NUM_INPUTS[name]):
        content = rng.choice(good)
        for _ in range(rng.randint(1, 3)):
            content = mutate(content, rng, lambda part: mutate_some_bytes(part, rng))
        crashes.try_input(read, content, READERS[name].max_seconds)
    assert [path.read_text() for path in tmp_path.glob("*.txt")] == []


def fail(content: bytes, error: type[Exception] = ValueError) -> None:
    if content.startswith(b"a"):
        raise error("bad input")


def test_each_crash_is_stored_once_with_its_smallest_input(tmp_path: Path) -> None:
    crashes = Crashes(tmp_path, "tunes")
    for content in (b"abcd", b"ab", b"abc", b"b"):
        crashes.try_input(fail, content, 1.0)
    crashes.try_input(partial(fail, error=InputError), b"a", 1.0)
    crashes.try_input(partial(fail, error=KeyError), b"aa", 1.0)
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.bin")) == [b"aa", b"ab"]
    assert {reader_of(path) for path in tmp_path.iterdir()} == {"tunes"}


def count(_: bytes) -> None:
    assert sum(range(100_000))


def test_a_slow_input_is_a_crash(tmp_path: Path) -> None:
    Crashes(tmp_path, "tunes").try_input(count, b"x", 0.0)
    (text,) = tmp_path.glob("*.txt")
    assert text.read_text().startswith(TooSlow.__name__)


def test_errors_are_distinguished_by_place() -> None:
    with pytest.raises(ValueError, match="bad input") as first:
        fail(b"a")
    with pytest.raises(ValueError, match="invalid literal") as second:
        int("x")
    assert place_of(first.value) != place_of(second.value)


@pytest.mark.slow
def test_fuzzing_runs_if_atheris_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.soak.fuzzing", "tunes", "--executions", "500"]
    command += ["--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tunes: 5" in done.stdout and "0 crashes" in done.stdout
