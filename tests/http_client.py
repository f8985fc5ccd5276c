"""Run one of the project's servers during a test, and send requests that a browser would not send."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from musicgen.system.web_server import ADDRESS, TOKEN_HEADER, LoopbackServer

Server = TypeVar("Server", bound=LoopbackServer)
FOREIGN_HEADERS: tuple[dict[str, str | None], ...] = (
    {"Host": "evil.example"},
    {"Host": "evil.example:80"},
    {"Host": None},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
)
"""Of requests by other pages, or under other names; every server refuses each."""


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Client:
    """Sends the page's requests, with the headers that a test changes."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self.token = token

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(ADDRESS, self._port, timeout=300)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {
            "Host": f"{ADDRESS}:{self._port}",
            "Content-Length": None if body is None else str(len(body)),
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content

    def post(self, path: str, content: object, **headers: str | None) -> tuple[int, dict]:
        usual = {"Content_Type": "application/json", TOKEN_HEADER: self.token}
        status, _, answer = self.ask("POST", f"/api/{path}", json.dumps(content).encode(), **usual | headers)
        return status, json.loads(answer)
