"""Whether a job ended because the machine ran out of processes, threads or memory.

Such an end says nothing of the job's config: with fewer jobs at a time it may well come to its own.
"""

import re
from pathlib import Path

from musicgen.errors import OUT_OF_RESOURCES

_WORDS = re.compile(
    r"can't start new thread|Resource temporarily unavailable|[Tt]hread creation failed"
    r"|pthread_create|Cannot allocate memory|can't allocate memory|^MemoryError"
)
"""What Python, OpenMP, OpenBLAS and torch print when they get no thread or no memory."""
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def is_exhaustion(error: BaseException | None) -> bool:
    """Whether an exception, or the one that it came from, is about processes, threads or memory."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES):
            return True
        if isinstance(error, RuntimeError) and tells_exhaustion(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def tells_exhaustion(words: str) -> bool:
    """Whether the last words of a process that died are about threads or memory."""
    return _WORDS.search(words) is not None


def count_memory_kills() -> int:
    """How many processes the system has killed for their memory so far; 0 where it does not say."""
    try:
        found = _KILLS.search(Path("/proc/vmstat").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return int(found[1]) if found else 0
