"""What the server refuses: other hosts and pages, forged posts, other paths, the key before the end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen.listening.server import ListeningServer
from musicgen.listening.service import ListeningService
from musicgen.system.web_server import TOKEN_HEADER
from tests.http_client import FOREIGN_HEADERS, Client, running
from tests.listening.made_session import BASELINE, CHANGED, begin, write_study


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> ListeningService:
    """One session for the whole module; every test has its own listeners."""
    return begin(write_study(tmp_path_factory.mktemp("study")))


@pytest.fixture(scope="module")
def server(listening: ListeningService) -> Iterator[ListeningServer]:
    with running(ListeningServer(listening, 0)) as started:
        yield started


@pytest.fixture
def client(server: ListeningServer) -> Client:
    return Client(server.server_port, server.token)


def test_the_page_loads_only_its_own_files_and_is_not_cached(client: Client, server: ListeningServer) -> None:
    status, headers, page = client.ask("GET", "/")
    assert status == 200 and server.token.encode() in page
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    assert (
        headers["referrer-policy"] == "no-referrer"
        and "etag" not in headers
        and "last-modified" not in headers
    )
    for path in ("/style.css", "/script.js", "/result.js", "/icon.svg"):
        status, headers, content = client.ask("GET", path)
        assert status == 200 and b"https://" not in content and headers["cache-control"] == "no-store"


@pytest.mark.parametrize("headers", FOREIGN_HEADERS, ids=str)
def test_other_hosts_and_pages_are_refused(client: Client, headers: dict[str, str | None]) -> None:
    for method, path in (("GET", "/"), ("HEAD", "/"), ("POST", "/api/enter")):
        status, _, content = client.ask(method, path, b"{}" if method == "POST" else None, **headers)
        assert status == 403 and b"token" not in content


def test_its_own_page_is_accepted(client: Client, server: ListeningServer) -> None:
    own = {"Origin": server.url.rstrip("/"), "Sec_Fetch_Site": "same-origin"}
    assert client.post("enter", {"name": "Anna"}, **own)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../listening.sqlite",
        "/sound/../../listening.sqlite",
        "/sound/..%2f..%2flistening.sqlite",
        "/%2e%2e/listening.sqlite",
        "/sound/" + "0" * 32,
        "/sound/",
        "//etc/passwd",
        "/page/index.html",
        "/script.js/../../../etc/passwd",
        "/api/result",
        "/listening.csv",
    ],
)
def test_no_other_path_is_served(client: Client, path: str) -> None:
    status, _, content = client.ask("GET", path)
    assert status == 404 and b"SQLite" not in content and b"root:" not in content


def test_sounds_are_served_by_their_sound_ids_only(client: Client, listening: ListeningService) -> None:
    for stimulus_id in listening.database.stimuli:
        assert client.ask("GET", f"/sound/{stimulus_id}")[0] == 404


def test_forged_posts_change_nothing(client: Client, listening: ListeningService) -> None:
    forged = listening.database.enter("Forged").listener_id
    trial = listening.database.trials(forged)[0].trial_id
    answer = {"listener": forged, "trial": trial, "question": "musicality", "value": 5}
    assert client.post("answer", answer, **{TOKEN_HEADER: None})[0] == 403
    assert client.post("answer", answer, **{TOKEN_HEADER: "guess"})[0] == 403
    assert client.post("answer", answer, Content_Type="text/plain")[0] == 415
    assert client.post("answer", answer, Content_Type="application/x-www-form-urlencoded")[0] == 415
    assert client.post("answer", answer, Content_Length=None)[0] == 411
    assert client.post("answer", answer, Content_Length="-1")[0] == 411
    assert client.post("answer", answer, Content_Length=str(ListeningServer.max_post_bytes + 1))[0] == 413
    assert client.post("answer", ["not an object"])[0] == 400
    assert client.post("nothing", answer)[0] == 404
    for wrong in ({"value": 6}, {"value": "5"}, {"value": True}, {"trial": 7}):
        assert client.post("answer", answer | wrong)[0] == 400
    for wrong in (
        {"question": "arm"},
        {"question": "set_variety"},
        {"trial": "0" * 32},
        {"trial": "' OR 1=1 --"},
    ):
        assert client.post("answer", answer | wrong)[0] == 409
    assert client.post("answer", answer | {"listener": "0" * 32})[0] == 404
    assert "Forged" not in {answer.listener for answer in listening.database.answers()}
    assert client.post("answer", answer) == (200, {"saved": True})


@pytest.mark.parametrize("name", ["", "  ", "=cmd()", "<b>", "a" * 41, "a\nb\x00", 7])
def test_bad_names_are_refused(client: Client, name: object) -> None:
    status, answer = client.post("enter", {"name": name})
    assert status == 400 and "name" in answer["error"]


def test_nothing_reveals_the_arm_before_the_end(client: Client, listening: ListeningService) -> None:
    _, entered = client.post("enter", {"name": "Curious"})
    who = {"listener": entered["listener"]}
    assert client.post("result", who) == (403, {"error": "The result is shown after the end."})
    session = client.post("session", who)[1]
    secrets = [BASELINE, CHANGED, "gru", "lstm", "corpus", "shuffled", "anchor", "seed", "index"]
    secrets += [one.run_id for one in listening.database.stimuli.values() if one.run_id]
    secrets += list(listening.database.stimuli) + list(listening.database.items)
    assert not [word for word in secrets if word in json.dumps(session).lower()]
    kinds = set()
    for trial in session["trials"]:
        assert set(trial) == {"id", "sounds", "questions", "answers"}
        status, headers, sound = client.ask("GET", f"/sound/{trial['sounds'][0]}")
        assert status == 200 and sound[:4] == b"RIFF"
        # Sounds may differ in length only.
        kinds.add(
            tuple(
                sorted(
                    (name, value) for name, value in headers.items() if name not in ("date", "content-length")
                )
            )
        )
    assert len(kinds) == 1
    assert client.post("end", who)[0] == 200
    status, result = client.post("result", who)
    assert status == 200 and result["listeners"] == ["Curious"] and result["tables"] == {}


def test_all_files_of_the_page_are_served(client: Client) -> None:
    page = Path(__file__).parents[2] / "musicgen" / "listening" / "page"
    for path in page.iterdir():
        assert client.ask("GET", "/" if path.name == "index.html" else f"/{path.name}")[0] == 200
