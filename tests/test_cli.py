import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen import __version__
from musicgen.cli import COMMANDS, main


def command(folder: Path) -> Path:
    """The console script that an installation makes."""
    script = folder / "musicgen"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom musicgen.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return script


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(COMMANDS)
    assert all(len(line) <= 90 for line in lines)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"musicgen {__version__}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["trian"], "musicgen: trian: no such command; allowed are train, sample, evaluate"),
        (["completion", "fish"], "musicgen: completion needs the name of a shell; allowed is bash"),
    ],
)
def test_a_wrong_command_is_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(line) and errors.count("\n") == 1


def test_a_command_gets_its_arguments_and_keeps_its_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [command(tmp_path), "store", "--outputs", tmp_path / "none", "list"], capture_output=True, text=True
    )
    assert done.returncode == 1 and "none/store: " in done.stderr
    composed = subprocess.run(
        [command(tmp_path), "train", "experiment=lab", "model=default", "--cfg", "job"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert composed.returncode == 0 and "hidden_size: 384" in composed.stdout, composed.stderr


def test_help_and_mistakes_import_nothing_large(tmp_path: Path) -> None:
    code = (
        "import sys; from musicgen.cli import main; main(['--help']); main(['trian']); "
        "assert not {'torch', 'numpy', 'hydra', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)


def test_hydras_option_prints_the_same_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    ours = capsys.readouterr().out
    assert main(["train", "-sc", "install=bash"]) == 0
    assert capsys.readouterr().out == ours != ""


COMPLETE = """
eval "$(musicgen completion bash)"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
    $(complete -p musicgen | sed 's/.*-F \\([^ ]*\\) .*/\\1/') musicgen
    printf '%s|' "${COMPREPLY[@]}"; echo
}
complete_line 'musicgen tr' musicgen tr
complete_line 'musicgen train model=' musicgen train model = ''
complete_line 'musicgen train seed=1 model=l' musicgen train seed = 1 model = l
complete_line 'musicgen train exp' musicgen train exp
complete_line 'musicgen train model.cel' musicgen train model.cel
complete_line 'musicgen train --multirun hydra/sweeper=o' musicgen train --multirun hydra/sweeper = o
complete_line 'musicgen train hydra/sweeper/sampler=' musicgen train hydra/sweeper/sampler = ''
"""


@pytest.mark.slow
def test_bash_completes_commands_and_overrides(tmp_path: Path) -> None:
    command(tmp_path)
    done = subprocess.run(
        ["bash", "--norc", "-i", "-c", f"PATH={tmp_path}:$PATH\n{COMPLETE}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines() == [
        "train |",
        "default|gru|lab|lstm|quick|smoke|",
        "lab|lstm|",
        "experiment=|",
        "model.cell=|",
        "one_at_a_time|optuna|",
        "cmaes|gp|grid|motpe|nsgaii|nsgaiii|qmc|random|tpe|",
    ], done.stderr


@pytest.mark.slow
def test_tab_completes_in_a_terminal(tmp_path: Path) -> None:
    """Readline itself, on a pseudo-terminal."""
    command(tmp_path)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PS1": "next> ", "TERM": "dumb"}
    ours, its_own = pty.openpty()
    with subprocess.Popen(
        ["bash", "--norc", "-i"],
        stdin=its_own,
        stdout=its_own,
        stderr=its_own,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
    ) as bash:
        os.close(its_own)
        read_until("next> ", ours)
        os.write(ours, b'eval "$(musicgen completion bash)"\n')
        read_until("next> ", ours)
        os.write(ours, b"musicgen tra\t")
        read_until("train ", ours)
        os.write(ours, b"model=ls\t")
        read_until("model=lstm", ours)
        bash.kill()
    os.close(ours)


def read_until(text: str, terminal: int) -> None:
    shown = ""
    while text not in shown:
        shown += os.read(terminal, 4096).decode()
