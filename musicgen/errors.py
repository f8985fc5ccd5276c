"""The one error that a user can cause."""


class InputError(ValueError):
    """Bad input: the message is one line that says what is wrong, where, and what is allowed.

    Commands print the line and exit with status 1. Every other exception is a defect of the program and
    keeps its traceback.
    """
