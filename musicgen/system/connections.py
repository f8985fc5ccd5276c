"""Limits that keep stalled clients from blocking a server.

A request is limited in time and size, and the number of connections is bounded: when it is exceeded, the
connection that has been idle longest is closed.
"""

import io
import socket
import threading
import time
from contextlib import suppress

MAX_CONNECTIONS = 64
"""A browser opens six."""
MAX_HEAD_BYTES = 131_072
"""Limit for all headers of a request together."""
REQUEST_SECONDS = 10.0
"""Time limit for sending a request, from its first byte."""
IDLE_SECONDS = 30.0
"""Time limit for a connection without a request, and for reading a response."""


class Connections:
    """The open connections, the one that has been idle longest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}

    def add(self, connection: socket.socket) -> None:
        """Add a connection; if there are too many, close the first."""
        with self._lock:
            if len(self._open) >= MAX_CONNECTIONS:
                first = next(iter(self._open))
                del self._open[first]
                # Its thread then reads the end of the stream and closes the socket.
                with suppress(OSError):
                    first.shutdown(socket.SHUT_RDWR)
            self._open[connection] = None

    def renew(self, connection: socket.socket) -> None:
        """Move the connection to the end, if it is still open."""
        with self._lock:
            if connection in self._open:
                self._open[connection] = self._open.pop(connection)

    def remove(self, connection: socket.socket) -> None:
        """Remove a closed connection."""
        with self._lock:
            self._open.pop(connection, None)


class Incoming(io.RawIOBase):
    """The incoming stream of a connection, limited in bytes and seconds for each request."""

    def __init__(self, connection: socket.socket, max_bytes: int) -> None:
        self._connection = connection
        self._max_bytes = max_bytes
        self.begin()

    def begin(self) -> None:
        """Reset the limits for the next request."""
        self._bytes_left, self._deadline = self._max_bytes, None

    def readable(self) -> bool:
        """Return True: io.BufferedReader asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read into the buffer; raises TimeoutError or ConnectionAbortedError (request too large)."""
        seconds = IDLE_SECONDS if self._deadline is None else self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(seconds)
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(IDLE_SECONDS)
        self._deadline = self._deadline or time.monotonic() + REQUEST_SECONDS
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise ConnectionAbortedError("the request is too large")
        return count
