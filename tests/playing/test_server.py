"""What the page may ask, and what the server refuses: other hosts and pages, forged posts, other paths."""

import json
import threading
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.playing.networks import Drawn
from musicgen.playing.server import PlayingServer
from musicgen.playing.service import PlayingService
from musicgen.playing.wanted import Wanted
from musicgen.system.web_server import TOKEN_HEADER
from tests.http_client import FOREIGN_HEADERS, Client
from tests.playing.conftest import PHRASE

WISH = {"seed": 5, "temperature": 0.8, "top_p": 0.95, "phrase": PHRASE}


def test_the_page_loads_only_its_own_files_and_is_not_cached(client: Client, server: PlayingServer) -> None:
    status, headers, page = client.ask("GET", "/")
    assert status == 200 and server.token.encode() in page
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    package = Path(__file__).parents[2] / "musicgen"
    for path in (*(package / "playing/page").iterdir(), *(package / "system/page_parts").iterdir()):
        if path.name != "index.html":
            status, headers, content = client.ask("GET", f"/{path.name}")
            assert status == 200 and b"https://" not in content and headers["cache-control"] == "no-store"


@pytest.mark.parametrize("headers", FOREIGN_HEADERS, ids=str)
def test_other_hosts_and_pages_are_refused(client: Client, headers: dict[str, str | None]) -> None:
    for method, path in (("GET", "/"), ("GET", "/sound/1-0"), ("POST", "/api/draw")):
        status, _, content = client.ask(method, path, b"{}" if method == "POST" else None, **headers)
        assert status == 403 and b"token" not in content


def test_forged_and_wrong_posts_draw_nothing(client: Client) -> None:
    before = client.post("state", {})[1]["draws"]
    assert client.post("draw", WISH, **{TOKEN_HEADER: None})[0] == 403
    assert client.post("draw", WISH, **{TOKEN_HEADER: "guess"})[0] == 403
    assert client.post("draw", WISH, Content_Type="text/plain")[0] == 415
    assert client.post("draw", WISH | {"phrase": "C" * PlayingServer.max_post_bytes})[0] == 413
    assert client.post("nothing", WISH)[0] == 404
    for wrong in ({"seed": "5"}, {"temperature": 99}, {"top_p": 0}, {"weights": "last"}):
        status, answer = client.post("draw", WISH | wrong)
        assert status == 400 and answer["error"].startswith(f"{next(iter(wrong))}: ")
    unknown = {"number": 10**6, "side": 0, "num_bars": 1}
    assert client.post("draw", WISH | {"beginning": unknown})[0] == 404
    assert client.post("state", {})[1]["draws"] == before


@pytest.mark.parametrize("path", ["drawn", "nearest", "keep"])
@pytest.mark.parametrize("asked", [{}, {"number": "1", "side": 0}, {"number": -1, "side": 0}, {"number": 0}])
def test_unknown_tunes_are_refused(client: Client, path: str, asked: dict[str, object]) -> None:
    status, answer = client.post(path, asked)
    assert status == 404 and "tune" in answer["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../run.json",
        "/kept/../run.json",
        "/kept/..%2frun.json",
        "/kept/run.json",
        "/kept/",
        "/sound/999999-0",
        "/sound/1-7",
        "/score/1",
        "/page/index.html",
        "/index.html",
        "//etc/passwd",
        "/api/state",
    ],
)
def test_no_other_path_is_served(client: Client, path: str) -> None:
    status, _, content = client.ask("GET", path)
    assert status == 404 and b"run_id" not in content and b"root:" not in content


def test_both_runs_draw_with_the_same_random_numbers(client: Client) -> None:
    status, answer = client.post("draw", WISH)
    assert status == 200
    first, second = answer["sides"]
    assert first["seed"] == second["seed"] == 5 and first["abc"] != second["abc"]
    assert PHRASE in first["abc"] and PHRASE in second["abc"]
    again = client.post("draw", WISH)[1]
    assert again["sides"] == answer["sides"] and again["number"] == answer["number"] + 1
    assert client.post("drawn", {"number": answer["number"]})[1] == answer


def test_what_one_run_cannot_does_not_keep_the_other_from_it(
    client: Client, service: PlayingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(wanted: Wanted, earlier: Drawn | None) -> Drawn:
        raise InputError("not this one")

    monkeypatch.setattr(service._runs[0], "draw", refuse)
    status, drawn = client.post("draw", WISH)
    assert status == 200 and PHRASE in drawn["sides"][1]["abc"]
    assert drawn["sides"][0] == {"error": "not this one"}
    assert client.post("keep", {"number": drawn["number"], "side": 0})[0] == 404


def test_what_no_run_can_is_refused_and_not_a_draw(client: Client) -> None:
    before = client.post("state", {})[1]["draws"]
    status, answer = client.post("draw", WISH | {"key": "F#m"})
    assert status == 400 and answer["error"].count("no training tune has it") == 1
    assert client.post("state", {})[1]["draws"] == before


def test_both_runs_continue_the_same_bars(client: Client) -> None:
    drawn = client.post("draw", WISH)[1]
    beginning = {"number": drawn["number"], "side": 0, "num_bars": 1}
    sides = client.post("draw", WISH | {"seed": 6, "beginning": beginning})[1]["sides"]
    head = drawn["sides"][0]["abc"].partition("|")[0]
    assert all(side["kept"] == "continued after bar 1" for side in sides)
    assert all(side["abc"].startswith(f"{head}|") for side in sides)
    status, answer = client.post("draw", WISH | {"beginning": beginning | {"num_bars": 999}})
    assert status == 400 and "cannot be continued" in answer["error"]


def test_a_tune_has_a_sound_a_score_and_a_roll(client: Client) -> None:
    drawn = client.post("draw", WISH)[1]
    facts, name = drawn["sides"][0], f"{drawn['number']}-0"
    assert facts["roll"]["rows"] and [bar["text"] for bar in facts["bars"]][:2] == ["CDEFGABc", "cBAGFEDC"]
    status, headers, sound = client.ask("GET", f"/sound/{name}")
    assert (status, headers["content-type"], sound[:4]) == (200, "audio/wav", b"RIFF")
    status, headers, part = client.ask("GET", f"/sound/{name}", Range="bytes=4-7")
    assert (status, part) == (206, sound[4:8])
    status, headers, score = client.ask("GET", f"/score/{name}")
    assert (status, headers["content-type"]) == (200, "image/svg+xml") and b"<svg" in score
    assert "sandbox" in headers["content-security-policy"]


def test_nearest_training_tunes_are_told(client: Client) -> None:
    number = client.post("draw", WISH)[1]["number"]
    for side in (0, 1):
        nearest = client.post("nearest", {"number": number, "side": side})[1]["nearest"]
        assert nearest["words"].startswith("at most ") and nearest["tune"].startswith("Tune ")


@pytest.mark.slow
def test_keeping_and_rating_change_no_file_of_the_run(
    client: Client, server: PlayingServer, run_directories: tuple[Path, Path]
) -> None:
    directory = run_directories[0]

    def files() -> dict[Path, bytes]:
        """All files except for those of the tunebook and the findings."""
        own = {path for path in directory.rglob("*") if path.is_file() and "played" not in path.parts}
        return {path: path.read_bytes() for path in own if "findings.jsonl" not in path.name}

    before = files()
    number = client.post("draw", WISH)[1]["number"]
    status, book = client.post("keep", {"number": number, "side": 0})
    assert status == 200
    kept = book["kept"][-1]
    for name in (*kept["files"], book["book"]):
        status, headers, content = client.ask("GET", f"/kept/{name}")
        assert status == 200 and content == (directory / "played" / book["folder"] / name).read_bytes()
        assert "script-src" not in headers["content-security-policy"]
    assert {path.rpartition(".")[2] for path in kept["files"]} == {"abc", "mid", "mp3", "musicxml", "svg"}
    rating = {"kept": kept["number"], "text": "A fine B part", "ratings": {"structure": 4}}
    assert client.post("rate", rating) == (200, {"log": "findings.jsonl"})
    finding = json.loads((directory / "findings.jsonl").read_text().splitlines()[-1])
    assert finding["ratings"] == {"structure": 4} and kept["files"][0] in finding["text"]
    for wrong in ({"ratings": {"structure": 6}}, {"ratings": {"beauty": 3}}, {"text": "", "ratings": {}}):
        assert client.post("rate", rating | wrong)[0] == 400
    assert client.post("rate", rating | {"kept": 999})[0] == 404
    assert files() == before
    assert client.post("state", {})[1]["kept"] == book["kept"]


def test_two_pages_can_draw_at_the_same_time(client: Client) -> None:
    answers: list[tuple[int, dict]] = []
    threads = [threading.Thread(target=lambda: answers.append(client.post("draw", WISH))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [200] * 4
    assert len({answer["number"] for _, answer in answers}) == 4
    assert len({json.dumps(answer["sides"]) for _, answer in answers}) == 1
