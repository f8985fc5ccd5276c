"""Training by the command, in a separate process. The page in test_examples trains a real network."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import musicgen
from musicgen.api import training
from tests.processes import ended_with_the_test, wait_until

MADE = "tests.api.made_command"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_COMMAND", MADE)


def test_the_output_is_passed_on(made: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert training._directory_of(["prints", str(tmp_path)]) == tmp_path  # pyright: ignore[reportPrivateUsage]
    assert capsys.readouterr() == (f"first line ✓\n{tmp_path}\n", "a warning\n")


def test_a_failure_is_the_commands_line(made: None, tmp_path: Path) -> None:
    with pytest.raises(musicgen.InputError, match="^model.cell=gur: not a cell$"):
        musicgen.train("fails", str(tmp_path))


def test_a_bug_is_another_exception(made: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        musicgen.train("crashes", str(tmp_path))
    assert capsys.readouterr().err.endswith("RuntimeError: a bug\n")


def test_a_dry_run_is_one_line(made: None, tmp_path: Path) -> None:
    with pytest.raises(musicgen.InputError, match="made no directory; a dry run only prints its plan"):
        musicgen.train_sweep(str(tmp_path / "missing"))


@pytest.mark.parametrize("override", ["--multirun", "-m", ["model=gru"]])
def test_only_overrides_are_taken(override: str) -> None:
    with pytest.raises(musicgen.InputError, match="not an override; write texts such as 'model=gru'"):
        musicgen.train(override)


def start(folder: Path) -> subprocess.Popen[str]:
    """A process that trains, and says how that ended; the command has started when this returns."""
    code = f"""
import musicgen
from musicgen.api import training
training._COMMAND = {MADE!r}
try:
    musicgen.train("waits", {str(folder)!r})
except KeyboardInterrupt:
    print("interrupted")
"""
    process = ended_with_the_test(
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    )
    wait_until(lambda: (folder / "started").is_file() and (folder / "started").read_text(), process)
    return process


def test_an_interruption_reaches_the_command_which_ends_in_order(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out.splitlines() == ["first line ✓", "interrupted"] and process.returncode == 0
    assert (tmp_path / "ended").read_text() == "in order"


def test_the_command_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.kill()
    wait_until(lambda: (tmp_path / "ended").is_file() and (tmp_path / "ended").read_text())
    assert (tmp_path / "ended").read_text() == "alone"
