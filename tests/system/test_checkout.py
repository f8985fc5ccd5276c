import subprocess
import time
from pathlib import Path

import pytest

from musicgen.system import checkout
from musicgen.system.checkout import commit


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    # Neither a hook's variables nor the user's settings may lead to another checkout.
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "notes.txt").write_text("one")
    git("init", "--quiet")
    git("add", "notes.txt")
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@localhost")
    git(*identity, "commit", "--quiet", "--no-gpg-sign", "--message", "First")
    return tmp_path


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_that_of_the_working_directory(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "folder").mkdir()
    monkeypatch.chdir(repository / "folder")
    assert commit() == git("rev-parse", "HEAD")


def test_changed_tracked_files_are_marked(repository: Path) -> None:
    (repository / "outputs.txt").write_text("untracked")
    assert commit() == git("rev-parse", "HEAD")
    (repository / "notes.txt").write_text("two")
    assert commit() == f"{git('rev-parse', 'HEAD')} (modified)"


def test_no_checkout_no_commit_and_no_git_are_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() is None
    git("init", "--quiet")
    assert commit() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None
    assert capfd.readouterr() == ("", "")


def test_a_git_that_hangs_is_given_up(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = repository / "git"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(repository), prepend=":")
    monkeypatch.setattr(checkout, "TIMEOUT_SECONDS", 0.1)
    began = time.monotonic()
    assert commit() is None and time.monotonic() - began < 30
