"""Every job in a process of its own: how jobs end, how many run at a time, and what signals do."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hydra.types import HydraContext
from omegaconf import OmegaConf

from musicgen.errors import InputError
from musicgen.sweep import launcher
from musicgen.sweep.fork_server import start_fork_server
from musicgen.sweep.launcher import Capacity, JobFailed, ProcessLauncher, Program


@pytest.fixture(scope="module", autouse=True)
def temporary() -> Iterator[Path]:
    """Where sweeps keep their sockets, whose names may not be long."""
    with tempfile.TemporaryDirectory(prefix="musicgen-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        yield Path(folder)


@dataclass(frozen=True)
class Swept:
    """What a sweep of the test program gave."""

    folder: Path
    pid: int
    jobs: list[dict]
    lines: list[str]
    errors: str

    def job(self, what: str) -> dict:
        (found,) = (job for job in self.jobs if f"what={what}" in job["overrides"])
        return found


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    """Start a sweep as the leader of a process group, as a shell starts a command on a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sweep.sweep_app", "--multirun", f"folder={folder}", *overrides],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sweep(folder: Path, *overrides: str) -> Swept:
    process = start(folder, *overrides)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    lines = output.splitlines()
    jobs = [json.loads(line) for line in lines if line.startswith("{")]
    return Swept(folder, process.pid, jobs, [line for line in lines if not line.startswith("{")], errors)


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def is_alive(pid_file: Path) -> bool:
    """Whether the process whose number the file holds is there and no zombie."""
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid_file.read_text()], capture_output=True, text=True
    ).stdout.strip()
    return found != "" and not found.startswith("Z")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """A sweep with jobs that end in every way, two at a time."""
    what = "value,raise,bad_input,stubborn,exit,killed,crash,nothing,meet_1,meet_2,${nowhere}"
    folder = tmp_path_factory.mktemp("ended")
    return sweep(folder, f"what={what}", "hydra.launcher.num_jobs=2")


@pytest.mark.parametrize(
    ("what", "error", "error_class"),
    [
        ("raise", "KeyError: 'no such thing'", "builtins.KeyError"),
        ("bad_input", "data.path=none.abc: no such file or folder", "musicgen.errors.InputError"),
        ("stubborn", "Stubborn: stubborn as a mule", "__mp_main__.Stubborn"),
        ("exit", 'exit status 3; the last that it printed: "last words"', None),
    ],
)
def test_a_failed_job_says_why(ended: Swept, what: str, error: str, error_class: str | None) -> None:
    job = ended.job(what)
    assert (job["value"], job["error"], job["error_class"]) == (None, error, error_class)
    assert f"what={what}: failed: {error}" in "\n".join(ended.lines)


def test_a_killed_job_says_by_which_signal(ended: Swept) -> None:
    assert ended.job("killed")["error"].startswith("killed by signal 9 (SIGKILL)")
    assert ended.job("crash")["error"].startswith("killed by signal 11 (SIGSEGV)")


def test_a_job_whose_config_cannot_be_composed_fails_alone(ended: Swept) -> None:
    assert "nowhere" in ended.job("${nowhere}")["error"]


def test_the_others_run_on_and_come_back_in_order(ended: Swept) -> None:
    order = [job["overrides"][-1] if job["overrides"] else None for job in ended.jobs]
    assert order[:3] == ["what=value", "what=raise", "what=bad_input"] and len(order) == 11
    assert ended.job("value")["value"] == 0.25
    assert ended.job("nothing")["value"] is None and ended.job("nothing")["error"] is None


def test_two_jobs_run_at_a_time(ended: Swept) -> None:
    assert ended.job("meet_1")["value"] == ended.job("meet_2")["value"] == 0.25


def test_a_job_starts_when_the_one_it_follows_has_trained_and_not_before(tmp_path: Path) -> None:
    # The first ends only when the second has started, and two free places do not let that start at once.
    swept = sweep(tmp_path, "what=trains_and_stays,goes_on", "hydra.launcher.num_jobs=3")
    assert [job["error"] for job in swept.jobs] == [None, None]


def test_a_job_goes_on_without_one_that_failed(tmp_path: Path) -> None:
    (tmp_path / "trained").touch()
    swept = sweep(tmp_path, "what=raise,goes_on,value", "hydra.launcher.num_jobs=1")
    assert [job["error"] is None for job in swept.jobs] == [False, True, True]


def test_jobs_that_wait_leave_their_places_to_others(tmp_path: Path) -> None:
    swept = sweep(tmp_path, "what=waits,waits_too,value", "hydra.launcher.num_jobs=2")
    assert [job["error"] for job in swept.jobs] == [None, None, None]
    assert "what=waits: waiting for another process" in swept.lines


def test_each_finished_job_is_one_plain_line(ended: Swept) -> None:
    assert len(ended.lines) == 11
    assert [line.split(":")[0] for line in ended.lines] == [f"{n} of 11" for n in range(1, 12)]
    # Two run at a time: on a busy machine the one that started second may be the first to end.
    (line,) = (line for line in ended.lines if "what=value:" in line)
    assert re.fullmatch(r"\d+ of 11: what=value: validation 0\.2500 in \d+\.\d s", line)


def test_what_a_job_prints_goes_to_its_log_only(ended: Swept) -> None:
    assert "a line on stdout" not in "\n".join(ended.lines) and ended.errors == ""
    log = (ended.folder / "sweep-with-value" / "1-raise" / "sweep_app.log").read_text()
    assert "a line in the log" in log and "KeyError: 'no such thing'" in log
    assert (ended.folder / "sweep-with-value" / "0-value" / ".hydra" / "overrides.yaml").is_file()


def test_nothing_is_left_behind_and_the_launcher_stays_light(ended: Swept, temporary: Path) -> None:
    assert list(temporary.iterdir()) == []
    assert not any(job["launcher_has_torch"] for job in ended.jobs)


@pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")
def test_a_folder_for_temporary_files_with_a_long_name_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("t" * 75)))
    with pytest.raises(
        InputError, match=r"TMPDIR=.*ttt: too long for the sockets of jobs; allowed are 74 bytes"
    ):
        start_fork_server()


def test_jobs_on_cuda_run_one_at_a_time(tmp_path: Path) -> None:
    swept = sweep(tmp_path, "what=slow,slow_too", "device=auto")
    times = [(tmp_path / name).read_text().split() for name in ("slow", "slow_too")]
    assert float(times[0][1]) < float(times[1][0])
    assert [job["value"] for job in swept.jobs] == [0.25, 0.25]


@pytest.mark.parametrize("number", [0, -1, 1.5, "many"])
def test_a_number_of_jobs_that_is_none_is_refused(number: Any) -> None:
    with pytest.raises(InputError, match=r"^hydra\.launcher\.num_jobs=.*: allowed are null and"):
        ProcessLauncher(number).setup(
            hydra_context=cast(HydraContext, None), task_function=is_alive, config=OmegaConf.create()
        )


def test_capacity_follows_threads_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "num_cores", lambda: 8)
    answers = [False, True]
    program = Program(threads_of=lambda config: config.threads, finds_cuda=lambda: answers.pop(0))
    cpu, auto = (OmegaConf.create({"threads": 3, "device": device}) for device in ("cpu", "auto"))
    capacity = Capacity(None, program)
    assert (capacity.total, capacity.cost(cpu), capacity.cost(auto), capacity.cost(auto)) == (8, 3, 3, 3)
    assert capacity.cost(OmegaConf.create({"threads": 20, "device": "cpu"})) == 8
    assert capacity.cost(OmegaConf.create({"threads": 1, "device": "cuda"})) == 8
    assert Capacity(None, program).cost(auto) == 8
    chosen = Capacity(5, program)
    assert (chosen.total, chosen.cost(cpu), chosen.cost(auto)) == (5, 1, 1)


def test_what_a_machine_without_threads_ended_runs_again_with_fewer(tmp_path: Path) -> None:
    swept = sweep(tmp_path, "what=crowded,company", "hydra.launcher.num_jobs=2")
    assert [job["error"] for job in swept.jobs] == [None, None]
    assert sum("out of processes, threads or memory" in line for line in swept.lines) == 1


def test_what_needs_more_than_there_is_by_itself_has_failed(tmp_path: Path) -> None:
    swept = sweep(tmp_path, "what=no_memory,value", "hydra.launcher.num_jobs=2")
    assert [job["error"] for job in swept.jobs] == ["MemoryError", None]


def test_a_failure_is_its_line() -> None:
    failure = JobFailed("diverged at iteration 3", "musicgen.training.outcome.TrainingDiverged")
    assert str(failure) == "diverged at iteration 3"
    assert failure.error_class == "musicgen.training.outcome.TrainingDiverged"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_saves_what_runs_and_starts_nothing_more(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(tmp_path, "what=train,value", "hydra.launcher.num_jobs=1")
    wait_until((tmp_path / "trains").exists)
    # As the terminal does for Ctrl-C, and `timeout` for the end of the time.
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert "interrupted when 0 of 2 runs were done" in errors and process.returncode != 0
    assert (tmp_path / "saved").exists() and "2 of 2" not in output
    assert re.search(r"1 of 2: what=train: failed: interrupted after iteration \d+\n", output)
    assert not is_alive(tmp_path / "train.pid")


def test_a_second_interruption_kills_what_does_not_end_and_what_that_started(tmp_path: Path) -> None:
    process = start(tmp_path, "what=hang")
    wait_until((tmp_path / "hangs").exists)
    process.send_signal(signal.SIGINT)
    wait_until((tmp_path / "deaf").exists)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    wait_until(lambda: not is_alive(tmp_path / "hang.pid") and not is_alive(tmp_path / "helper.pid"))


def test_jobs_save_and_end_when_the_launcher_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path, "what=train")
    wait_until((tmp_path / "trains").exists)
    process.kill()
    wait_until(lambda: not is_alive(tmp_path / "train.pid"))
    assert (tmp_path / "saved").exists()
    process.communicate(timeout=60)


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
        pass  # Linux ends the stream of a terminal that nobody holds any more with an error.
    process.wait(timeout=60)
    os.close(inner)
    text = seen.decode()
    assert "validation" in text and "of 2 runs over" in text and "ending: runs save what they have" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor stays hidden"
