"""Takes every process that the user's limit allows: `python -m tests.sweep.full_machine FOLDER`.

It begins when the folder has a file `wants_threads`, makes `full` there, and ends at a file `release`.
"""

import os
import signal
import sys
import time
from pathlib import Path


def main(folder: Path) -> None:
    children: list[int] = []
    while not (folder / "release").exists():
        time.sleep(0.01)
        if not (folder / "wants_threads").exists():
            continue
        try:
            # Others end processes meanwhile, and must not get their places.
            while True:
                children.append(_sleeping())
        except BlockingIOError:
            (folder / "full").touch()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _sleeping() -> int:
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return child


if __name__ == "__main__":
    main(Path(sys.argv[1]))
