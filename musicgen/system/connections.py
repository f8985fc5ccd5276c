"""What keeps clients that stall from taking a server away from others.

A request has a limit of time and of bytes, and the number of connections is bounded: one more takes the place
of the one that has been silent for longest.
"""

import io
import socket
import threading
import time
from contextlib import suppress

MAX_CONNECTIONS = 64
"""A browser opens six."""
MAX_HEAD_BYTES = 131_072
"""Of a request, all its headers together."""
REQUEST_SECONDS = 10.0
"""How long a client may take to send a request, from its first byte on."""
IDLE_SECONDS = 30.0
"""How long a connection may stay open without a request, and a client take to read an answer."""


class Connections:
    """The open connections, the one that has been silent for longest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}

    def add(self, connection: socket.socket) -> None:
        """Take one more; the first is cut off if there are too many."""
        with self._lock:
            if len(self._open) >= MAX_CONNECTIONS:
                first = next(iter(self._open))
                del self._open[first]
                # Its thread then reads the end of the stream, and closes it.
                with suppress(OSError):
                    first.shutdown(socket.SHUT_RDWR)
            self._open[connection] = None

    def renew(self, connection: socket.socket) -> None:
        """Put it last, if it is still open."""
        with self._lock:
            if connection in self._open:
                self._open[connection] = self._open.pop(connection)

    def remove(self, connection: socket.socket) -> None:
        """Forget it."""
        with self._lock:
            self._open.pop(connection, None)


class Incoming(io.RawIOBase):
    """What a client sends, a limited number of bytes and seconds for each request."""

    def __init__(self, connection: socket.socket, max_bytes: int) -> None:
        self._connection = connection
        self._max_bytes = max_bytes
        self.begin()

    def begin(self) -> None:
        """Expect the next request."""
        self._bytes_left, self._deadline = self._max_bytes, None

    def readable(self) -> bool:
        """For the buffer around it."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Raises TimeoutError, or ConnectionAbortedError where a request is too large."""
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
