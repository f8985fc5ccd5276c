"""A web server for one page on this computer: the standard library's, hardened.

It listens on the loopback address and serves a fixed set of paths; no part of a request becomes a path on
the disk. To protect against other pages in the same browser, the Host must be this server's own (no DNS
rebinding), a foreign Origin or Sec-Fetch-Site is refused, posts are JSON with a token that only this page
knows, and every response carries a Content-Security-Policy.

connections.py keeps stalled clients from blocking the others.
"""

import io
import json
import logging
import mimetypes
import re
import secrets
import socket
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from musicgen.errors import OUT_OF_RESOURCES, InputError, describe_disk
from musicgen.system.commands import complain
from musicgen.system.connections import IDLE_SECONDS, MAX_HEAD_BYTES, Connections, Incoming
from musicgen.system.interruption import Terminated
from musicgen.system.limits import starting_threads

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
MAX_PORT = 65_535
ENDING_SECONDS = 10.0
"""Time for posts in progress to finish once the server shuts down."""
TOKEN_HEADER = "X-Musicgen-Token"
_LENGTH = re.compile(r"\d{1,12}", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of a response that loads nothing."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of a page: nothing inline, and nothing from elsewhere."""
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""The policy of a picture opened on its own: it may have inline styles, and runs nothing."""

Answer = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Maps the posted JSON object to the JSON object of the response. Raises RefusedError or InputError."""


class RefusedError(Exception):
    """A refused request: the HTTP status, and one line for the person at the page."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Content:
    """A response body, its media type and its Content-Security-Policy; audio supports range requests."""

    body: bytes
    media_type: str
    policy: str = _CLOSED


def file_content(file: Path, media_types: Mapping[str, str] | None = None) -> Content:
    """A file, which loads nothing; media_types: suffix -> type, where Python's own table lacks one."""
    known = media_types or {}
    kind = known.get(file.suffix) or mimetypes.types_map.get(file.suffix, "application/octet-stream")
    if kind == "image/svg+xml":
        return Content(file.read_bytes(), kind, PICTURE_POLICY)
    return Content(file.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)


def check_port(port: int) -> None:
    """Raise InputError if --port is invalid."""
    if not 0 <= port <= MAX_PORT:
        raise InputError(f"--port {port}: must be from 0 to {MAX_PORT}")


class LoopbackServer(ThreadingHTTPServer, ABC):
    """Serves one page and answers its posts until it is stopped."""

    daemon_threads = True
    request_queue_size = 128
    max_post_bytes = 4096

    def __init__(self, port: int) -> None:
        """Listen on the port, or on any free one if it is 0; raises InputError if it is taken."""
        self.token = secrets.token_urlsafe(32)
        self._connections = Connections()
        self._posts = threading.Condition()
        self._num_posts, self._is_ending = 0, False
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise InputError(
                f"--port {port}: {error.strerror or error}; --port 0 chooses any free port"
            ) from error

    @abstractmethod
    def content(self, path: str) -> Content | None:
        """Return what is at the path, such as "/"; None if there is nothing."""

    @abstractmethod
    def answers(self) -> Mapping[str, Answer]:
        """Map the paths of posts to the functions that answer them; the sender has been checked."""

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that a browser may use for this server."""
        return f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"

    def serve_until_interrupted(self) -> None:
        """Print the page's address and serve until Ctrl-C, then finish the posts in progress.

        Raises Terminated after SIGTERM or SIGHUP, once the posts are finished.
        """
        with self:
            print(self.url, flush=True)
            try:
                self.serve_forever()
            except Terminated:
                raise
            except KeyboardInterrupt:
                print()
            finally:
                self._finish_posts()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Keep the server from shutting down in the body. Raises RefusedError if it already is."""
        with self._posts:
            if self._is_ending:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "The server is shutting down.")
            self._num_posts += 1
        try:
            yield
        finally:
            with self._posts:
                self._num_posts -= 1
                self._posts.notify_all()

    def _finish_posts(self) -> None:
        with self._posts:
            self._is_ending = True
            self._posts.wait_for(lambda: self._num_posts == 0, ENDING_SECONDS)

    def note_request(self, connection: socket.socket) -> None:
        """Mark the connection as the most recently active one."""
        self._connections.renew(connection)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # pyright: ignore
        """Serve a connection in a new thread."""
        self._connections.add(request)
        with starting_threads():
            super().process_request(request, client_address)

    def close_request(self, request: socket.socket) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Close a connection."""
        self._connections.remove(request)
        super().close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # pyright: ignore
        """Ignore clients that disconnected."""
        error = sys.exception()
        if isinstance(error, (ConnectionError, TimeoutError)):
            log.debug("%s: %r", client_address, error)
        elif isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES:
            complain(f"a request got no answer: {describe_disk(error)}")
        else:
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer  # pyright: ignore[reportIncompatibleVariableOverride] - this server's only
    protocol_version = "HTTP/1.1"
    server_version = "musicgen"
    sys_version = ""
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        """Limit the size and duration of requests."""
        super().setup()
        self.rfile.close()
        self._incoming = Incoming(self.connection, MAX_HEAD_BYTES + self.server.max_post_bytes)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        """Serve the next request of the connection."""
        self._incoming.begin()
        super().handle_one_request()

    def do_GET(self) -> None:
        """Serve the page, its parts, and sounds."""
        self._guarded(self._get)

    def do_HEAD(self) -> None:
        """Answer like GET, without the body."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Answer a post of the page."""
        self._guarded(self._post)

    def _guarded(self, answer: Callable[[], None]) -> None:
        try:
            self.server.note_request(self.connection)
            self._check_sender()
            answer()
        except RefusedError as refusal:
            # The body of a refused request stays unread and must not be taken for the next request.
            self.close_connection = True
            self._send_json({"error": refusal.reason}, refusal.status)
        except InputError as error:
            self.close_connection = True
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except ConnectionError:
            self.close_connection = True
        except OSError as error:
            line = describe_disk(error)
            if line is None:
                raise
            self.close_connection = True
            self._send_json({"error": line}, HTTPStatus.INSUFFICIENT_STORAGE)

    def _check_sender(self) -> None:
        """Refuse requests that come neither from this server's own page nor from the address bar."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise RefusedError(HTTPStatus.FORBIDDEN, "This page is only available at its own address.")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{hosts[0].lower()}":
            raise RefusedError(HTTPStatus.FORBIDDEN, "Requests from other pages are refused.")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Requests from other pages are refused.")

    def _get(self) -> None:
        content = self.server.content(self.path)
        if content is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if not content.media_type.startswith("audio/"):
            self._send(HTTPStatus.OK, content)
            return
        size = len(content.body)
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted is None:
            self._send(HTTPStatus.OK, content, {"Accept-Ranges": "bytes"})
            return
        start = int(wanted[1])
        end = min(int(wanted[2] or size - 1), size - 1)
        if start > end:
            raise RefusedError(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The sound is shorter than the requested range."
            )
        part = Content(content.body[start : end + 1], content.media_type, content.policy)
        headers = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end}/{size}"}
        self._send(HTTPStatus.PARTIAL_CONTENT, part, headers)

    def _post(self) -> None:
        answers = self.server.answers()
        if self.path not in answers:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if not secrets.compare_digest(
            self.headers.get(TOKEN_HEADER, "").encode(), self.server.token.encode()
        ):
            raise RefusedError(HTTPStatus.FORBIDDEN, "The server has been restarted: reload this page.")
        question = self._read_json()
        with self.server.answering():
            self._send_json(answers[self.path](question))

    def _read_json(self) -> Mapping[str, object]:
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON.")
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length.")
        length, limit = int(lengths[0]), self.server.max_post_bytes
        if length > limit:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A request may have at most {limit} bytes."
            )
        body = self.rfile.read(length)
        if len(body) < length:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The request was cut off.")
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The request is not valid JSON.") from error
        if not isinstance(content, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Send a JSON object.")
        return content

    def _send_json(self, content: Mapping[str, object], status: int = HTTPStatus.OK) -> None:
        # A posted text may hold half a surrogate pair, which becomes a question mark.
        text = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace")
        self._send(status, Content(text, "application/json; charset=utf-8"))

    def _send(self, status: int, content: Content, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        own = {"Content-Security-Policy": content.policy, "Content-Type": content.media_type}
        for name, value in (_HEADERS | own | dict(headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send the base class's errors like all others: as JSON, without the text of the request."""
        del message, explain
        self.close_connection = True
        self._send_json({"error": HTTPStatus(code).phrase}, code)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write to the log instead of the terminal."""
        log.debug(format, *args)
