"""Real signals to real processes: which ones ask a command to end, and what a second one does."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen.system.interruption import unwrapping_interruptions
from tests.processes import MAX_WAIT_SECONDS, ended_with_the_test, wait_until

WORK = """
import sys, time
from pathlib import Path
from musicgen.system.interruption import listen_for_interruption
folder = Path(sys.argv[1])
with listen_for_interruption() as interruption:
    (folder / "started").touch()
    while not interruption.requested:
        print("working", flush=True)
        (folder / "works").touch()
        time.sleep(0.01)
    (folder / "asked").touch()
    while not (folder / "save").exists():
        print("saving", flush=True)
        (folder / "saving").touch()
        time.sleep(0.01)
    (folder / "saved").touch()
"""
"""A training in miniature: it prints while it works, and saves when it is asked to end."""
COMMAND = """
import sys, time
from pathlib import Path
from musicgen.system.commands import exit_status
folder = Path(sys.argv[1])
def command():
    try:
        (folder / "started").touch()
        time.sleep(60)
    finally:
        (folder / "cleaned").touch()
sys.exit(exit_status(command))
"""


def start(script: str, folder: Path, **how: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(folder)]
    process = ended_with_the_test(subprocess.Popen(command, text=True, **how))  # pyright: ignore - any way
    wait_until((folder / "started").exists, process)
    return process


def wait_for_another(mark: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the process has written the file anew."""
    mark.unlink(missing_ok=True)
    wait_until(mark.exists, process)


@pytest.mark.parametrize("numbers", [["SIGHUP", "SIGHUP"], ["SIGTERM", "SIGHUP"], ["SIGINT", "SIGHUP"]])
def test_a_hangup_after_another_signal_does_not_stop_saving(numbers: list[str], tmp_path: Path) -> None:
    process = start(WORK, tmp_path, stdout=subprocess.DEVNULL)
    for name in numbers:
        process.send_signal(signal.Signals[name])
        wait_until((tmp_path / "asked").exists, process)
    wait_for_another(tmp_path / "saving", process)
    (tmp_path / "save").touch()
    assert process.wait(MAX_WAIT_SECONDS) == 0 and (tmp_path / "saved").exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_second_signal_acts_at_once(name: str, tmp_path: Path) -> None:
    process = start(WORK, tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.send_signal(signal.SIGHUP)
    wait_until((tmp_path / "asked").exists, process)
    process.send_signal(signal.Signals[name])
    assert process.wait(MAX_WAIT_SECONDS) == -signal.Signals[name] and not (tmp_path / "saved").exists()


def test_nohup_keeps_a_command_running(tmp_path: Path) -> None:
    process = start(
        WORK,
        tmp_path,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGHUP)
    for _ in range(3):
        wait_for_another(tmp_path / "works", process)
    assert process.poll() is None and not (tmp_path / "asked").exists()
    process.kill()
    process.wait()


def test_output_to_a_closed_terminal_does_not_prevent_saving(tmp_path: Path) -> None:
    inner, outer = pty.openpty()

    def make_it_the_terminal() -> None:
        os.setsid()
        os.close(os.open(os.ttyname(outer), os.O_RDWR))

    process = start(WORK, tmp_path, stdout=outer, stderr=outer, preexec_fn=make_it_the_terminal)
    os.close(outer)
    (tmp_path / "save").touch()
    os.close(inner)
    assert process.wait(MAX_WAIT_SECONDS) == 0 and (tmp_path / "saved").exists()


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signalled_command_cleans_up_and_sets_its_status(name: str, status: int, tmp_path: Path) -> None:
    process = start(COMMAND, tmp_path, stderr=subprocess.PIPE)
    process.send_signal(signal.Signals[name])
    _, errors = process.communicate(timeout=MAX_WAIT_SECONDS)
    assert process.returncode == status and (tmp_path / "cleaned").exists()
    assert errors.count("\n") == 1 and errors.startswith("musicgen: ")


def fail_while_interrupted() -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise ValueError("composing failed") from None


def test_an_interruption_behind_another_error_is_found() -> None:
    with pytest.raises(KeyboardInterrupt), unwrapping_interruptions():
        fail_while_interrupted()
    with pytest.raises(ValueError, match="^other$"), unwrapping_interruptions():
        raise ValueError("other")


def fail_after_losing_an_interruption() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    raise ValueError("a cleanup failed")


def test_an_error_after_a_lost_interruption_is_the_interruption() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), unwrapping_interruptions():
        fail_after_losing_an_interruption()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupted_exec_leaves_the_status_of_the_command(tmp_path: Path) -> None:
    program = """
import sys
from musicgen.system.commands import exit_status
sys.exit(exit_status(lambda: exec("raise KeyboardInterrupt")))
"""
    (tmp_path / "interrupted.py").write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "musicgen: interrupted\n")
