"""Whether a job ended because the machine ran out of processes, threads or memory.

That says nothing about the job's config: with fewer jobs at a time it may well succeed.
"""

import re
from pathlib import Path

from musicgen.errors import OUT_OF_RESOURCES

_MESSAGES = re.compile(
    r"can't start new thread|Resource temporarily unavailable|[Tt]hread creation failed"
    r"|pthread_create|Cannot allocate memory|can't allocate memory|^MemoryError"
    r"|(?:CUDA|MPS backend) out of memory|(?:CUDNN|CUBLAS)_STATUS_ALLOC_FAILED"
)
"""What Python, OpenMP, OpenBLAS, torch and CUDA's libraries print if they get no thread or no memory."""
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def is_exhaustion(error: BaseException | None) -> bool:
    """Whether an exception, or one that caused it, is about processes, threads or memory."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES):
            return True
        if isinstance(error, RuntimeError) and mentions_exhaustion(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def mentions_exhaustion(text: str) -> bool:
    """Whether a message is about a lack of threads or memory."""
    return _MESSAGES.search(text) is not None


def count_memory_kills() -> int:
    """How many processes the system has killed for lack of memory so far; 0 if it does not say."""
    try:
        found = _KILLS.search(Path("/proc/vmstat").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return int(found[1]) if found else 0
