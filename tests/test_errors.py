"""How commands report errors."""

import errno
import os

import pytest

from musicgen.errors import InputError
from musicgen.system.commands import exit_status


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("what, where, what is allowed"), "what, where, what is allowed"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/run.json"),
            "/a/run.json: No space left on device",
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/a"), "/a: Permission denied"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "Resource temporarily unavailable"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "/a"), "/a: Read-only file system"),
    ],
)
def test_bad_input_and_a_full_disk_are_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert exit_status(fail) == 1
    assert capsys.readouterr().err == f"musicgen: {line}\n"


def test_any_other_error_keeps_its_traceback() -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/a")

    with pytest.raises(FileNotFoundError):
        exit_status(fail)
