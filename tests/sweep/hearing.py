"""What the server of processes imports in test_process_server.py: it waits until it is told."""

from musicgen.sweep.process_server import hear

heard = hear()


def what_was_heard() -> str:
    """For a process that is forked from the server."""
    return heard
