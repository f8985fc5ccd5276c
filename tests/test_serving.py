"""What every server here shares, on the smallest one. Its use by a page is tested beside that page."""

import errno
from collections.abc import Iterator, Mapping

import pytest

from musicgen.errors import InputError
from musicgen.serving import ADDRESS, Answer, Content, LoopbackServer, RefusedError, check_port
from tests.asking import Client, running


class SmallServer(LoopbackServer):
    most_bytes = 100

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


def test_it_listens_on_the_loopback_address_alone(server: SmallServer, client: Client) -> None:
    assert server.server_address[0] == "127.0.0.1"
    own = f"localhost:{server.server_port}"
    assert client.ask("GET", "/", Host=own, Origin=f"http://{own}")[0] == 200
    assert client.ask("GET", "/", Host=own, Origin=f"http://127.0.0.1:{server.server_port}")[0] == 403
    assert client.ask("GET", "/", Host=f"localhost:{server.server_port + 1}")[0] == 403


def test_what_says_no_policy_may_load_nothing(client: Client) -> None:
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


def test_wrong_input_and_refusals_are_one_line(client: Client) -> None:
    assert client.post("echo", {"a": "\ud800"}) == (200, {"told": {"a": "?"}})
    assert client.post("refuse", {}) == (400, {"error": "one line"})
    assert client.post("refuse", {"a": 1}) == (409, {"error": "no"})
    assert client.post("fill", {}) == (507, {"error": "/a/file: No space left on device"})
    assert client.post("echo", {"a": "b" * 100})[0] == 413
    assert client.ask("POST", "/api/echo", b"{}", Content_Type="application/json")[0] == 403


def test_a_port_is_a_number_that_is_free(server: SmallServer) -> None:
    with pytest.raises(InputError, match=rf"--port {server.server_port}: .*; --port 0 takes any free one"):
        SmallServer(server.server_port)
    with pytest.raises(InputError, match="--port -1: a number from 0 to 65535 is needed"):
        check_port(-1)
    assert server.url == f"http://{ADDRESS}:{server.server_port}/"
