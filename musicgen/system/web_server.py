"""A web server for one page on this computer alone: the standard library's, with what protects it.

It listens on the loopback address and answers a fixed set of paths; no part of a request becomes a path on
the disk. Against other pages in the same browser: the Host must be this server's own (no DNS rebinding), a
foreign Origin or Sec-Fetch-Site is refused, posts are JSON and carry a token that only this page knows, and
everything it sends comes with a policy of what it may load.

Clients that stall keep nobody else waiting: see connections.py.
"""

import io
import json
import logging
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

from musicgen.errors import InputError, describe_disk
from musicgen.system.connections import IDLE_SECONDS, MAX_HEAD_BYTES, Connections, Incoming
from musicgen.system.interruption import Terminated

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
MOST_PORTS = 65_535
ENDING_SECONDS = 10.0
"""How long posts that are being answered may take once the server ends."""
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
"""The policy of what loads nothing."""

Answer = Callable[[Mapping[str, object]], Mapping[str, object]]
"""What is posted -> what is sent back, both as JSON has them. Raises RefusedError or InputError."""


class RefusedError(Exception):
    """A request that is not answered: the HTTP status, and one line for the person at the page."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Content:
    """What stands at an address."""

    body: bytes
    kind: str
    """Its media type. Of audio, parts can be asked for."""
    policy: str = _CLOSED
    """Its Content-Security-Policy."""


def check_port(port: int) -> None:
    """Raise InputError where --port is no port."""
    if not 0 <= port <= MOST_PORTS:
        raise InputError(f"--port {port}: a number from 0 to {MOST_PORTS} is needed")


class LoopbackServer(ThreadingHTTPServer, ABC):
    """Serves one page and answers its posts until it is told to stop."""

    daemon_threads = True
    request_queue_size = 128
    most_bytes = 4096
    """Of a post."""

    def __init__(self, port: int) -> None:
        """Raises InputError where the port is taken; 0 takes any free one."""
        self.token = secrets.token_urlsafe(32)
        self._connections = Connections()
        self._posts = threading.Condition()
        self._num_posts, self._is_ending = 0, False
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise InputError(
                f"--port {port}: {error.strerror or error}; --port 0 takes any free one"
            ) from error

    @abstractmethod
    def content(self, path: str) -> Content | None:
        """What is at the path, such as "/"; None where there is nothing."""

    @abstractmethod
    def answers(self) -> Mapping[str, Answer]:
        """Path of a post -> what answers it, after the sender was checked."""

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names under which a browser may ask for this server."""
        return f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"

    def serve_until_interrupted(self) -> None:
        """Print the page's address, and answer until Ctrl-C; then every post that was begun is done.

        Raises Terminated after SIGTERM or SIGHUP, also when all posts are done.
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
        """Hold while a post is answered: the server ends after it. Raises RefusedError if it is ending."""
        with self._posts:
            if self._is_ending:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "The server is ending.")
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
        """Note that the connection has sent a request: others are silent for longer."""
        self._connections.renew(connection)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # pyright: ignore
        """Answer a connection in a thread of its own."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: socket.socket) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Close a connection."""
        self._connections.remove(request)
        super().close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # pyright: ignore
        """A client that is gone is no error of this program."""
        error = sys.exception()
        if isinstance(error, (ConnectionError, TimeoutError)):
            log.debug("%s: %r", client_address, error)
        else:
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer  # pyright: ignore[reportIncompatibleVariableOverride] - this server's only
    protocol_version = "HTTP/1.1"
    server_version = "musicgen"
    sys_version = ""
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        """Limit what is read."""
        super().setup()
        self.rfile.close()
        self._incoming = Incoming(self.connection, MAX_HEAD_BYTES + self.server.most_bytes)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        """Read and answer the next request of the connection."""
        self._incoming.begin()
        super().handle_one_request()

    def do_GET(self) -> None:
        """The page, its parts, and sounds."""
        self._guarded(self._get)

    def do_HEAD(self) -> None:
        """As GET, without the content."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """What the page asks for."""
        self._guarded(self._post)

    def _guarded(self, answer: Callable[[], None]) -> None:
        try:
            self.server.note_request(self.connection)
            self._check_sender()
            answer()
        except RefusedError as refusal:
            # What was sent with a refused request is not read, and must not be taken for the next one.
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
        """Refuse what does not come from this server's own page or the address bar."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise RefusedError(HTTPStatus.FORBIDDEN, "This page is served under its own address only.")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{hosts[0].lower()}":
            raise RefusedError(HTTPStatus.FORBIDDEN, "Requests of other pages are refused.")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "Requests of other pages are refused.")

    def _get(self) -> None:
        content = self.server.content(self.path)
        if content is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if not content.kind.startswith("audio/"):
            self._send(HTTPStatus.OK, content)
            return
        whole = len(content.body)
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted is None:
            self._send(HTTPStatus.OK, content, {"Accept-Ranges": "bytes"})
            return
        start = int(wanted[1])
        end = min(int(wanted[2] or whole - 1), whole - 1)
        if start > end:
            raise RefusedError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The sound is shorter than that.")
        part = Content(content.body[start : end + 1], content.kind, content.policy)
        headers = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end}/{whole}"}
        self._send(HTTPStatus.PARTIAL_CONTENT, part, headers)

    def _post(self) -> None:
        answers = self.server.answers()
        if self.path not in answers:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if not secrets.compare_digest(
            self.headers.get(TOKEN_HEADER, "").encode(), self.server.token.encode()
        ):
            raise RefusedError(HTTPStatus.FORBIDDEN, "The server was started anew: load this page again.")
        question = self._read_json()
        with self.server.answering():
            self._send_json(answers[self.path](question))

    def _read_json(self) -> Mapping[str, object]:
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is needed.")
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "A request says how long it is.")
        length, most = int(lengths[0]), self.server.most_bytes
        if length > most:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {most} bytes are read.")
        body = self.rfile.read(length)
        if len(body) < length:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "The request was cut off.")
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "That is no JSON.") from error
        if not isinstance(content, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "A JSON object is needed.")
        return content

    def _send_json(self, content: Mapping[str, object], status: int = HTTPStatus.OK) -> None:
        # Half a surrogate pair, which what was posted may hold, becomes a question mark.
        text = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace")
        self._send(status, Content(text, "application/json; charset=utf-8"))

    def _send(self, status: int, content: Content, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        own = {"Content-Security-Policy": content.policy, "Content-Type": content.kind}
        for name, value in (_HEADERS | own | dict(headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, in the form of all other refusals: without the request's own text."""
        del message, explain
        self.close_connection = True
        self._send_json({"error": HTTPStatus(code).phrase}, code)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """To the log, not to the terminal."""
        log.debug(format, *args)
