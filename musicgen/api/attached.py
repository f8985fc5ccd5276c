"""`python -m musicgen.api.attached MODULE …`: `python -m MODULE …`, ended when its standard input ends.

The process that started it keeps the other end. If that is killed, as the kernel of a notebook is, the
command does not continue alone: it gets SIGTERM, saves its state, and ends.
"""

import os
import runpy
import signal
import sys
from threading import Thread


def _end_with_the_input() -> None:
    while os.read(0, 1):
        """Nothing is sent; only the end counts."""
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module that the first argument names."""
    Thread(target=_end_with_the_input, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
