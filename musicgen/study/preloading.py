"""Imported by the server of processes before all else.

What the server imports stays, and need not be looked through: the garbage collector would do so again and
again, for half a second. A Ctrl-C on the terminal is for the launcher alone, which tells its jobs. Processes
forked from the server see to both for themselves.
"""

import gc
import signal

gc.disable()
signal.signal(signal.SIGINT, signal.SIG_IGN)
