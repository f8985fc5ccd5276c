"""How every command starts, reports bad input, and ends."""

import sys
from collections.abc import Callable

from musicgen.errors import InputError, describe_disk, one_line
from musicgen.system.environment import problem_of_names, settle_environment
from musicgen.system.interruption import Terminated, ending_on_signals, unwrapping_interruptions
from musicgen.system.passwords import without_passwords


def in_settled_environment(command: Callable[[], int]) -> int:
    """Settle the environment, run the command and return its exit status; every entry point calls this."""
    settle_environment()
    problem = problem_of_names()
    return command() if problem is None else complain(problem)


def exit_status(command: Callable[[], int | None]) -> int:
    """Run a command; returns its status (0 for None), or 1 after printing the line of an InputError.

    The line of a disk that is full or may not be written to is printed in the same way. After Ctrl-C, SIGTERM
    or SIGHUP the status is the shell's for that signal, once the command has cleaned up.
    """
    with ending_on_signals():
        try:
            with unwrapping_interruptions():
                return command() or 0
        except InputError as error:
            return complain(str(error))
        except OSError as error:
            line = describe_disk(error)
            if line is None:
                raise
            return complain(line)
        except Terminated as signal:
            complain(str(signal))
            return signal.exit_status
        except KeyboardInterrupt:
            complain("interrupted")
            return 130


def complain(line: str) -> int:
    """Print a line about the user's input to stderr; returns the exit status that goes with it."""
    print(f"musicgen: {one_line(without_passwords(line))}", file=sys.stderr)
    return 1
