"""Sweeps of recurrent networks on folk tunes in ABC notation that say which change did what."""

import os

__version__ = "0.1.0"

# numpy solves small equations here only. Two threads share one in less time than they take to meet, and where
# other runs keep the cores busy each waits for the other: up to five times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
