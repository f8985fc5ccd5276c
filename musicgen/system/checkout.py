"""The git checkout that a command runs in."""

import re
import subprocess

TIMEOUT_SECONDS = 2.0
_COMMAND = (
    *("git", "--no-optional-locks", "status"),
    *("--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty"),
)
"""Takes 4 ms with 900 files. Without optional locks it writes nothing."""
_COMMIT = re.compile(r"^# branch\.oid ([0-9a-f]{40,64})$", re.MULTILINE)


def commit() -> str | None:
    """The commit of the checkout around the working directory; with " (modified)" if tracked files differ.

    None without a checkout, without a commit, without git, and if git takes longer than TIMEOUT_SECONDS.
    """
    try:
        done = subprocess.run(
            _COMMAND, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Names of files may be in any encoding.
    status = done.stdout.decode("ascii", errors="replace")
    found = _COMMIT.search(status)
    if done.returncode or found is None:
        return None
    is_modified = any(not line.startswith("#") for line in status.splitlines())
    return f"{found[1]} (modified)" if is_modified else found[1]
