"""Behaviour that all servers share, tested on a minimal one; each page has its own tests."""

import errno
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.system import connections
from musicgen.system.web_server import ADDRESS, Answer, Content, LoopbackServer, RefusedError, check_port
from tests.http_client import Client, running
from tests.processes import MAX_WAIT_SECONDS, wait_for, wait_until


class SmallServer(LoopbackServer):
    max_post_bytes = 100

    def content(self, path: str) -> Content | None:
        kinds = {"/": "text/plain", "/sound": "audio/wav"}
        return Content(b"0123456789", kinds[path]) if path in kinds else None

    def answers(self) -> Mapping[str, Answer]:
        def refuse(question: Mapping[str, object]) -> Mapping[str, object]:
            if question:
                raise RefusedError(409, "no")
            raise InputError("one line")

        def fill(_question: Mapping[str, object]) -> Mapping[str, object]:
            raise OSError(errno.ENOSPC, "No space left on device", "/a/file")

        return {"/api/echo": lambda question: {"told": question}, "/api/refuse": refuse, "/api/fill": fill}


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with running(SmallServer(0)) as started:
        yield started


@pytest.fixture
def client(server: SmallServer) -> Client:
    return Client(server.server_port, server.token)


def test_the_server_listens_only_on_loopback(server: SmallServer, client: Client) -> None:
    assert server.server_address[0] == "127.0.0.1"
    own = f"localhost:{server.server_port}"
    assert client.ask("GET", "/", Host=own, Origin=f"http://{own}")[0] == 200
    assert client.ask("GET", "/", Host=own, Origin=f"http://127.0.0.1:{server.server_port}")[0] == 403
    assert client.ask("GET", "/", Host=f"localhost:{server.server_port + 1}")[0] == 403


def test_content_without_a_policy_may_load_nothing(client: Client) -> None:
    for path in ("/", "/nothing"):
        headers = client.ask("GET", path)[1]
        assert headers["content-security-policy"].startswith("default-src 'none'; base-uri 'none'")
        assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"


def test_parts_are_of_sounds_alone(client: Client) -> None:
    assert client.ask("GET", "/", Range="bytes=2-3")[::2] == (200, b"0123456789")
    assert client.ask("GET", "/sound", Range="bytes=2-3")[::2] == (206, b"23")
    assert client.ask("GET", "/sound", Range="bytes=10-")[0] == 416
    status, headers, nothing = client.ask("HEAD", "/sound")
    assert (status, headers["content-length"], nothing) == (200, "10", b"")


def test_invalid_requests_are_refused_in_one_line(client: Client) -> None:
    assert client.post("echo", {"a": "\ud800"}) == (200, {"told": {"a": "?"}})
    assert client.post("refuse", {}) == (400, {"error": "one line"})
    assert client.post("refuse", {"a": 1}) == (409, {"error": "no"})
    assert client.post("fill", {}) == (507, {"error": "/a/file: No space left on device"})
    assert client.post("echo", {"a": "b" * 100})[0] == 413
    assert client.ask("POST", "/api/echo", b"{}", Content_Type="application/json")[0] == 403


def test_an_invalid_or_taken_port_is_one_line(server: SmallServer) -> None:
    with pytest.raises(InputError, match=rf"--port {server.server_port}: .*; --port 0 chooses any free port"):
        SmallServer(server.server_port)
    with pytest.raises(InputError, match="--port -1: must be from 0 to 65535"):
        check_port(-1)
    assert server.url == f"http://{ADDRESS}:{server.server_port}/"


def sent(server: SmallServer, content: bytes) -> bytes:
    """What comes back for these bytes, after which the client sends no more."""
    answer = b""
    with (
        socket.create_connection((ADDRESS, server.server_port), timeout=MAX_WAIT_SECONDS) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(content)
        # The server may have closed it by then.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            answer += piece
    return answer


def head(server: SmallServer, *lines: str) -> bytes:
    """A post with the right sender and token, and these lines."""
    own = [f"Host: {ADDRESS}:{server.server_port}", f"X-Musicgen-Token: {server.token}"]
    own.append("Content-Type: application/json")
    return "\r\n".join(["POST /api/echo HTTP/1.1", *own, *lines, "", ""]).encode("latin-1")


NONSENSE = {
    "a length of 5000 digits": (["Content-Length: " + "9" * 5000], b"", b"411"),
    "a negative length": (["Content-Length: -1"], b"", b"411"),
    "a length in other digits": (["Content-Length: \xb2"], b"", b"411"),
    "two lengths": (["Content-Length: 2", "Content-Length: 4"], b"{}{}", b"411"),
    "chunks without a length": (["Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n", b"411"),
    "chunks and a length": (["Transfer-Encoding: chunked", "Content-Length: 2"], b"{}", b"411"),
    "less than the length": (["Content-Length: 50"], b"{}", b"400"),
    "a number of 5000 digits": (["Content-Length: 50"], b"9" * 50, b"400"),
    "a token beyond ASCII": (["X-Musicgen-Token: \xff\xfe", "Content-Length: 2"], b"{}", b"200"),
    "101 headers": ([f"X-{number}: 1" for number in range(101)], b"", b"431"),
    "a header of 70,000 bytes": (["X: " + "a" * 70_000], b"", b"431"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_post_without_sense_is_refused(
    name: str, server: SmallServer, capfd: pytest.CaptureFixture[str]
) -> None:
    lines, body, status = NONSENSE[name]
    assert sent(server, head(server, *lines) + body).split()[1] == status
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\xff\r\n\r\n",
        b"\xff\xfe\x00 \x80 HTTP/1.1\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + (b"X: " + b"a" * 60_000 + b"\r\n") * 4,
    ],
)
def test_an_invalid_request_prints_nothing(
    content: bytes, server: SmallServer, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = sent(server, content)
    assert b"0123456789" not in answer and b"Traceback" not in answer
    assert client.ask("GET", "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_reset_connection_prints_nothing(
    server: SmallServer, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(20):
        with socket.create_connection((ADDRESS, server.server_port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.ask("GET", "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_half_open_connections_do_not_block_others(server: SmallServer, client: Client) -> None:
    threads = threading.active_count()
    silent = []
    try:
        for number in range(200):
            connection = socket.create_connection((ADDRESS, server.server_port), timeout=MAX_WAIT_SECONDS)
            connection.sendall([b"", b"GET / HTTP/1.1\r\n", head(server, "Content-Length: 9")][number % 3])
            silent.append(connection)
        assert client.ask("GET", "/")[0] == 200
        assert client.post("echo", {"a": 1}) == (200, {"told": {"a": 1}})
        # The first of them were cut off, and their threads have ended.
        assert silent[0].recv(1) == b""
        wait_until(lambda: threading.active_count() <= threads + connections.MAX_CONNECTIONS)
    finally:
        for connection in silent:
            connection.close()


def test_a_slow_request_is_cut_off(server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with socket.create_connection((ADDRESS, server.server_port), timeout=MAX_WAIT_SECONDS) as connection:
        connection.setblocking(False)
        is_open = True
        while is_open:
            time.sleep(0.05)
            try:
                connection.send(b"G")
                is_open = connection.recv(1) != b""
            except BlockingIOError:
                pass
            except ConnectionError:
                is_open = False


SLOW_SERVER = """
import sys, time
from pathlib import Path
from musicgen.system.commands import exit_status
from musicgen.system.web_server import LoopbackServer
class SlowServer(LoopbackServer):
    def content(self, path):
        return None
    def answers(self):
        return {"/api/save": self.save}
    def _finish_posts(self):
        (folder / "stops").touch()
        super()._finish_posts()
    def save(self, question):
        (folder / "begun").touch()
        while not (folder / "save").exists():
            time.sleep(0.01)
        (folder / "saved").touch()
        return {}
folder = Path(sys.argv[1])
server = SlowServer(0)
print(server.token, flush=True)
def serve():
    server.serve_until_interrupted()
    (folder / "after").touch()
sys.exit(exit_status(serve))
"""


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 0), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_server_finishes_its_posts_before_it_stops(name: str, status: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_SERVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        token, url = process.stdout.readline().strip(), process.stdout.readline().strip()
        client = Client(int(url.rstrip("/").rpartition(":")[2]), token)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(client.post("save", {})))
        asking.start()
        wait_for(tmp_path / "begun")
        process.send_signal(signal.Signals[name])
        wait_for(tmp_path / "stops")
        (tmp_path / "save").touch()
        asking.join()
        assert process.wait(MAX_WAIT_SECONDS) == status
    assert answers == [(200, {})] and (tmp_path / "saved").exists()
    assert (tmp_path / "after").exists() == (name == "SIGINT")
