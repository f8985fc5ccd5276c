"""Resource limits: of programs that read untrusted input, and of a machine without threads.

Only Linux can limit a process from outside. Elsewhere only the caller's time limit applies.
"""

import contextlib
import errno
import sys
from collections.abc import Iterator

if sys.platform == "linux":
    import resource

LIMITS_ARE_SET = sys.platform == "linux"
"""Whether `limit_process` does anything."""


def limit_process(
    pid: int, *, memory_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int | None = None
) -> None:
    """Limit a process that has just been started; lower limits that it inherited stay.

    Memory beyond the limit is refused, processor time beyond it ends the process with SIGXCPU, a file that
    grows beyond it with SIGXFSZ. The process writes no core file.
    """
    if sys.platform != "linux":
        return
    limits = [
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        # At the hard limit the kernel sends SIGKILL, which would look like running out of memory.
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    if open_files is not None:
        limits.append((resource.RLIMIT_NOFILE, open_files, open_files))
    # The process may have ended already.
    with contextlib.suppress(ProcessLookupError):
        for kind, soft, hard in limits:
            inherited = resource.prlimit(pid, kind)[1]
            if inherited != resource.RLIM_INFINITY:
                hard = min(hard, inherited)
            resource.prlimit(pid, kind, (min(soft, hard), hard))


@contextlib.contextmanager
def starting_threads() -> Iterator[None]:
    """Raise OSError (EAGAIN) if the system has no thread left, for which Python raises RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
