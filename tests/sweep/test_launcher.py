"""Jobs in separate processes: how they end, how many run at a time, and what signals do."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from hydra.types import HydraContext
from omegaconf import OmegaConf

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.sweep import job_queue
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.job_queue import MAX_RUNS_PER_CARD, Capacity, JobFailed
from musicgen.sweep.launcher import ProcessLauncher
from tests.forked import ForkedCommand, run_forked
from tests.processes import ended_with_the_test


@pytest.fixture(scope="module", autouse=True)
def temporary() -> Iterator[Path]:
    """Where sweeps keep their sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="musicgen-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        yield Path(folder)


@dataclass(frozen=True)
class Swept:
    """The result of a sweep of the test program."""

    folder: Path
    jobs: list[dict]
    lines: list[str]
    errors: str

    def job(self, what: str) -> dict:
        (found,) = (job for job in self.jobs if f"what={what}" in job["overrides"])
        return found


def start(folder: Path, *overrides: str) -> ForkedCommand:
    """Start a sweep as the leader of a process group, as a shell starts a command on a terminal."""
    command = ForkedCommand("tests.sweep.sweep_app", "--multirun", f"folder={folder}", *overrides)
    return ended_with_the_test(command)


def sweep(folder: Path, *overrides: str) -> Swept:
    return swept(folder, run_forked("tests.sweep.sweep_app", "--multirun", f"folder={folder}", *overrides))


def swept(folder: Path, done: subprocess.CompletedProcess[str]) -> Swept:
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    jobs = [json.loads(line) for line in lines if line.startswith("{")]
    return Swept(folder, jobs, [line for line in lines if not line.startswith("{")], done.stderr)


def wait_until(condition: Callable[[], object], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.02)


def is_alive(pid_file: Path) -> bool:
    """Whether the process whose number the file holds exists and is not a zombie."""
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid_file.read_text()], capture_output=True, text=True
    ).stdout.strip()
    return found != "" and not found.startswith("Z")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """A sweep whose jobs end in every possible way, two at a time; with its own interpreter."""
    what = "value,raise,bad_input,stubborn,exit,killed,crash,nothing,meet_1,meet_2,${nowhere}"
    folder = tmp_path_factory.mktemp("ended")
    options = ["--multirun", f"folder={folder}", f"what={what}", "hydra.launcher.num_jobs=2"]
    command = [sys.executable, "-m", "tests.sweep.sweep_app", *options]
    return swept(folder, subprocess.run(command, capture_output=True, text=True, start_new_session=True))


@pytest.mark.parametrize(
    ("what", "error", "error_class"),
    [
        ("raise", "KeyError: 'no such thing'", "builtins.KeyError"),
        ("bad_input", "data.path=none.abc: no such file or folder", "musicgen.errors.InputError"),
        ("stubborn", "Stubborn: stubborn as a mule", "__mp_main__.Stubborn"),
        ("exit", 'exit status 3; last line printed: "last words"', None),
    ],
)
def test_a_failed_job_has_its_error(ended: Swept, what: str, error: str, error_class: str | None) -> None:
    job = ended.job(what)
    assert (job["value"], job["error"], job["error_class"]) == (None, error, error_class)
    assert f"what={what}: failed: {error}" in "\n".join(ended.lines)


def test_a_killed_job_has_its_signal(ended: Swept) -> None:
    assert ended.job("killed")["error"].startswith("killed by signal 9 (SIGKILL)")
    assert ended.job("crash")["error"].startswith("killed by signal 11 (SIGSEGV)")


def test_a_job_whose_config_cannot_be_composed_fails_alone(ended: Swept) -> None:
    assert "nowhere" in ended.job("${nowhere}")["error"]


def test_other_jobs_keep_running_and_return_in_order(ended: Swept) -> None:
    order = [job["overrides"][-1] if job["overrides"] else None for job in ended.jobs]
    assert order[:3] == ["what=value", "what=raise", "what=bad_input"] and len(order) == 11
    assert ended.job("value")["value"] == 0.25
    assert ended.job("nothing")["value"] is None and ended.job("nothing")["error"] is None


def test_two_jobs_run_at_a_time(ended: Swept) -> None:
    assert ended.job("meet_1")["value"] == ended.job("meet_2")["value"] == 0.25


def test_a_job_that_follows_starts_when_the_other_has_trained(tmp_path: Path) -> None:
    # The first ends only when the second has started, and two free places do not let that start at once.
    found = sweep(tmp_path, "what=trains_and_stays,follows", "hydra.launcher.num_jobs=3")
    assert [job["error"] for job in found.jobs] == [None, None]


def test_waiting_jobs_take_no_place_and_failed_ones_block_none(tmp_path: Path) -> None:
    (tmp_path / "trained").touch()
    found = sweep(tmp_path, "what=waits,waits_too,value,raise,follows", "hydra.launcher.num_jobs=2")
    assert [job["error"] is None for job in found.jobs] == [True, True, True, False, True]
    assert "what=waits: waiting for another process" in found.lines


def test_each_finished_job_is_one_plain_line(ended: Swept) -> None:
    assert len(ended.lines) == 11
    assert [line.split(":")[0] for line in ended.lines] == [f"{n} of 11" for n in range(1, 12)]
    (line,) = (line for line in ended.lines if "what=value:" in line)
    assert re.fullmatch(r"\d+ of 11: what=value: validation 0\.2500 in .*", line)


def test_a_job_prints_into_its_log_only(ended: Swept) -> None:
    assert "a line on stdout" not in "\n".join(ended.lines) and ended.errors == ""
    log = (ended.folder / "sweep" / "1-raise" / "sweep_app.log").read_text()
    assert "a line in the log" in log and "KeyError: 'no such thing'" in log
    assert (ended.folder / "sweep" / "0-value" / ".hydra" / "overrides.yaml").is_file()


def test_no_file_is_left_and_the_launcher_imports_no_torch(ended: Swept, temporary: Path) -> None:
    assert list(temporary.iterdir()) == []
    assert not any(job["launcher_has_torch"] for job in ended.jobs)


@pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")
def test_a_long_path_of_the_temporary_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("t" * 75)))
    with pytest.raises(
        InputError, match=r"TMPDIR=.*ttt: too long for the sockets of jobs; allowed are 74 bytes"
    ):
        start_fork_server()


@pytest.mark.parametrize("number", [0, -1, 1.5, "many"])
def test_an_invalid_number_of_jobs_is_refused(number: Any) -> None:
    with pytest.raises(InputError, match=r"^hydra\.launcher\.num_jobs=.*: allowed are null and"):
        ProcessLauncher(number).setup(
            hydra_context=cast(HydraContext, None), task_function=is_alive, config=OmegaConf.create()
        )


def test_capacity_depends_on_threads_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, "num_cores", lambda: 8)
    base = compose_config(["data=file", "data.path=none.abc"])

    def costs(capacity: Capacity) -> list[int]:
        threads = [(3, "cpu"), (20, "cpu"), (1, "cuda"), (8, "mps")]
        return [
            capacity.cost(
                replace(base, device=device, training=replace(base.training, num_threads=number))  # type: ignore[arg-type]
            )
            for number, device in threads
        ]

    assert (Capacity(None).total, costs(Capacity(None))) == (8, [3, 8, 2, 2])
    assert (Capacity(5).total, costs(Capacity(5))) == (5, [1, 1, 1, 1])


@pytest.mark.parametrize(("cores", "runs"), [(1, 1), (2, 2), (4, 4), (6, 3), (64, MAX_RUNS_PER_CARD)])
def test_a_card_is_shared_by_a_few_runs(cores: int, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, "num_cores", lambda: cores)
    config = compose_config(["data=file", "data.path=none.abc", "device=cuda"])
    assert cores // Capacity(None).cost(config) == runs


def test_jobs_ended_by_exhaustion_run_again_with_fewer(tmp_path: Path) -> None:
    found = sweep(tmp_path, "what=crowded,company", "hydra.launcher.num_jobs=2")
    assert [job["error"] for job in found.jobs] == [None, None]
    assert sum("out of processes, threads or memory" in line for line in found.lines) == 1


def test_a_job_that_needs_too_much_memory_alone_fails(tmp_path: Path) -> None:
    found = sweep(tmp_path, "what=no_memory,value", "hydra.launcher.num_jobs=2")
    assert [job["error"] for job in found.jobs] == ["MemoryError", None]


def test_a_failed_job_prints_as_its_line() -> None:
    failure = JobFailed("diverged at iteration 3", "musicgen.training.outcome.TrainingDiverged")
    assert str(failure) == "diverged at iteration 3"
    assert failure.error_class == "musicgen.training.outcome.TrainingDiverged"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_saves_running_jobs_and_starts_none(number: signal.Signals, tmp_path: Path) -> None:
    process = start(tmp_path, "what=train,value", "hydra.launcher.num_jobs=1")
    wait_until((tmp_path / "trains").exists)
    # Like a terminal for Ctrl-C, and like `timeout`.
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=300)
    assert "interrupted when 0 of 2 runs were done" in errors and process.returncode != 0
    assert (tmp_path / "saved").exists() and "2 of 2" not in output
    assert re.search(r"1 of 2: what=train: failed: interrupted after iteration \d+\n", output)
    assert not is_alive(tmp_path / "train.pid")


def test_a_second_interruption_kills_jobs_and_their_children(tmp_path: Path) -> None:
    process = start(tmp_path, "what=hang")
    wait_until((tmp_path / "hangs").exists)
    process.send_signal(signal.SIGINT)
    wait_until((tmp_path / "interrupted").exists)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    wait_until(lambda: not is_alive(tmp_path / "hang.pid") and not is_alive(tmp_path / "helper.pid"))


def test_jobs_save_and_end_when_the_launcher_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path, "what=train")
    wait_until((tmp_path / "trains").exists)
    process.kill()
    wait_until(lambda: not is_alive(tmp_path / "train.pid"))
    assert (tmp_path / "saved").exists()
    process.communicate(timeout=300)


def test_a_terminal_shows_a_live_table(tmp_path: Path) -> None:
    inner, outer = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.sweep.sweep_app",
            "--multirun",
            f"folder={tmp_path}",
            "what=train,raise",
        ],
        stdout=outer,
        stderr=outer,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"},
        start_new_session=True,
    )
    os.close(outer)
    seen = b""
    while b"failed: KeyError" not in seen or b"2.5000" not in seen:
        seen += os.read(inner, 65536)
    os.killpg(process.pid, signal.SIGINT)
    try:
        while piece := os.read(inner, 65536):
            seen += piece
    except OSError:
        pass  # Linux raises an error once the other end of the terminal is closed.
    process.wait(timeout=300)
    os.close(inner)
    text = seen.decode()
    assert (
        "validation" in text and "of 2 runs finished" in text and "ending: runs save what they have" in text
    )
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor stays hidden"
