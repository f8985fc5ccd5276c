"""The reference computed by a process beside the one that needs it."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from musicgen.metrics import reference as reference_module
from musicgen.metrics.reference import Reference, build_reference, reference_file
from musicgen.metrics.reference_ahead import reference_ahead
from musicgen.system import locks


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not come"
        time.sleep(0.02)


def test_the_other_process_writes_what_this_one_would_compute(
    oneills: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunes, groups = oneills[:40], list(range(40))
    here = build_reference(tunes, num_tunes=10, groups=groups, num_splits=2, cache_dir=tmp_path / "here")
    path = reference_file(tmp_path / "there", tunes, groups, 10, 2)
    with reference_ahead(tunes, groups, 10, 2, path.parent):
        wait_for(path)

    def fail(*_: object) -> Reference:
        raise AssertionError("computed again")

    monkeypatch.setattr(reference_module, "_compute", fail)
    there = build_reference(tunes, num_tunes=10, groups=groups, num_splits=2, cache_dir=path.parent)
    assert there == here


def test_who_asks_meanwhile_waits_instead_of_computing(oneills: list[str], tmp_path: Path) -> None:
    tunes, groups = oneills[:100], list(range(100))
    path = reference_file(tmp_path, tunes, groups, 20, 4)
    with reference_ahead(tunes, groups, 20, 4, tmp_path):
        wait_for(path.with_suffix(".lock"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reference_module, "_compute", lambda *_: pytest.fail("computed beside the other"))
            patch.setattr(locks, "SECONDS_BEFORE_REPORT", 0.0)
            waits: list[tuple[str, bool]] = []
            told = build_reference(
                tunes,
                num_tunes=20,
                groups=groups,
                num_splits=4,
                cache_dir=tmp_path,
                on_wait=lambda words: waits.append((words, path.exists())),
            )
    ((words, was_there),) = waits
    # Asked at once, the other one may not have said yet which process it is.
    assert words.startswith("waiting for ") and not was_there
    assert json.loads(path.read_text(encoding="utf-8"))["mean"] == told.mean


def test_a_body_that_fails_ends_the_other_process(
    oneills: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[Any]] = []
    popen = subprocess.Popen

    def remember(*arguments: Any, **named: Any) -> subprocess.Popen[Any]:
        started.append(popen(*arguments, **named))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    groups = list(range(len(oneills)))
    path = reference_file(tmp_path, oneills, groups, 40, 20)
    beside = reference_ahead(oneills, groups, 40, 20, tmp_path)
    beside.__enter__()
    wait_for(path.with_suffix(".lock"))
    assert not beside.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    (process,) = started
    assert process.returncode == -signal.SIGKILL and not path.exists()
