"""The command: its arguments, its start, its end."""

import re
import signal
import urllib.request
from pathlib import Path

import pytest

from musicgen.play import main
from tests.commands import last_line, start_interpreter, train
from tests.processes import MAX_WAIT_SECONDS


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{folder}"], "{folder} is not a run directory: it has no run.json"),
        (["{folder}", "--port", "99999"], "--port 99999: must be from 0 to 65535"),
    ],
)
def test_a_wrong_argument_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([one.format(folder=tmp_path) for one in arguments]) == 1
    assert capsys.readouterr().err == f"musicgen: {complaint.format(folder=tmp_path)}\n"


@pytest.mark.slow
def test_the_command_serves_its_page_until_a_signal(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("rendering.num_tunes=0", "rendering.plots=false", "tracker=none")
    run = last_line(train(corpus, tmp_path, *quick))
    assert main([str(run), str(run.parent / run.name)]) == 1
    assert "the two runs are the same" in capsys.readouterr().err
    process = start_interpreter("play", str(run), "--port", "0")
    assert process.stdout is not None
    lines = []
    while not (lines and lines[-1].startswith("http://127.0.0.1:")):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    with urllib.request.urlopen(lines[-1].strip(), timeout=MAX_WAIT_SECONDS) as answer:
        assert re.search(r'name="token" content="[^"]{40,}"', answer.read().decode())
    process.send_signal(signal.SIGTERM)
    assert process.wait(MAX_WAIT_SECONDS) == 143
    assert not (run / "played").exists(), "nothing was kept"
