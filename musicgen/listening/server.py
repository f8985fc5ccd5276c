"""The listening page's web server: the standard library's, on the loopback address, for one page only.

It answers a fixed set of paths and sounds with opaque ids; no part of a request becomes a path on the disk.
Against other pages in the same browser: the Host must be this server's own (no DNS rebinding), a foreign
Origin or Sec-Fetch-Site is refused, posts are JSON and carry a token that only this page knows, and the page
may load nothing from anywhere else. Nothing it sends depends on the arm but the sound itself.
"""

import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from musicgen.listening.service import Listening, RefusedError

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
TOKEN_HEADER = "X-Listening-Token"
TOKEN_PLACE = "{{token}}"
MOST_BYTES = 4096
"""Of a post."""
_PAGE = Path(__file__).with_name("page")
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/script.js": ("script.js", "text/javascript; charset=utf-8"),
    "/result.js": ("result.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_SOUND = re.compile(r"/sound/([0-9a-f]{32})")
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ListeningServer(ThreadingHTTPServer):
    """Serves one session until it is told to stop."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, listening: Listening, port: int) -> None:
        """Raises OSError where the port is taken; 0 takes any free one."""
        self.listening = listening
        self.token = secrets.token_urlsafe(32)
        super().__init__((ADDRESS, port), _Handler)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names under which a browser may ask for this server."""
        return f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ListeningServer  # pyright: ignore[reportIncompatibleVariableOverride] - this server's only
    protocol_version = "HTTP/1.1"
    server_version = "musicgen"
    sys_version = ""
    timeout = 30

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
            self._check_sender()
            answer()
        except RefusedError as refusal:
            # What was sent with a refused request is not read, and must not be taken for the next one.
            self.close_connection = True
            self._send_json({"error": refusal.reason}, refusal.status)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

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
        if self.path in _FILES:
            name, kind = _FILES[self.path]
            content = (_PAGE / name).read_bytes()
            if name == "index.html":
                content = content.replace(TOKEN_PLACE.encode(), self.server.token.encode())
            self._send(HTTPStatus.OK, content, kind)
        elif found := _SOUND.fullmatch(self.path):
            self._send_sound(found[1])
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _send_sound(self, sound_id: str) -> None:
        path = self.server.listening.sound(sound_id)
        if path is None or not path.is_file():
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")
        content = path.read_bytes()
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted is None:
            self._send(HTTPStatus.OK, content, "audio/wav", {"Accept-Ranges": "bytes"})
            return
        start = int(wanted[1])
        end = min(int(wanted[2] or len(content) - 1), len(content) - 1)
        if start > end:
            raise RefusedError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The sound is shorter than that.")
        self._send(
            HTTPStatus.PARTIAL_CONTENT,
            content[start : end + 1],
            "audio/wav",
            {"Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end}/{len(content)}"},
        )

    def _post(self) -> None:
        listening = self.server.listening
        answers: dict[str, Callable[[Mapping[str, object]], dict[str, object]]] = {
            "/api/enter": listening.enter,
            "/api/session": listening.session,
            "/api/answer": listening.answer,
            "/api/end": listening.end,
            "/api/result": listening.result,
        }
        if self.path not in answers:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if not secrets.compare_digest(
            self.headers.get(TOKEN_HEADER, "").encode(), self.server.token.encode()
        ):
            raise RefusedError(HTTPStatus.FORBIDDEN, "The server was started anew: load this page again.")
        self._send_json(answers[self.path](self._read_json()))

    def _read_json(self) -> Mapping[str, object]:
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is needed.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "A request says how long it is.")
        if int(length) > MOST_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {MOST_BYTES} bytes are read.")
        try:
            content = json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "That is no JSON.") from error
        if not isinstance(content, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "A JSON object is needed.")
        return content

    def _send_json(self, content: Mapping[str, object], status: int = HTTPStatus.OK) -> None:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        self._send(status, text.encode(), "application/json; charset=utf-8")

    def _send(self, status: int, content: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (_HEADERS | dict(headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """To the log, not to the terminal."""
        log.debug(format, *args)
