"""Stands for musicgen.train in tests of how commands are run: `python -m tests.api.made_command HOW …`."""

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """End as the first argument says; the second is a folder."""
    how, folder = sys.argv[1], Path(sys.argv[2])
    print("first line ✓")
    print("a warning", file=sys.stderr)
    if how == "crashes":
        raise RuntimeError("a bug")
    if how == "fails":
        print("musicgen: model.cell=gur: not a cell", file=sys.stderr)
        sys.exit(1)
    if how == "waits":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
        try:
            (folder / "started").write_text(str(os.getpid()))
            time.sleep(600)
        except KeyboardInterrupt:
            time.sleep(0.2)
            (folder / "ended").write_text("in order")
            sys.exit(130)
        except SystemExit:
            (folder / "ended").write_text("alone")
            raise
    print(folder)


if __name__ == "__main__":
    main()
