"""The page in a real browser."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from musicgen.playing.server import PlayingServer
from tests.browser import Watched, watched_page
from tests.playing.conftest import PHRASE

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(browser: Any, server: PlayingServer) -> Iterator[Watched]:
    with watched_page(browser, viewport={"width": 1280, "height": 900}) as opened:
        visit(opened.page, server.url)
        yield opened
        assert not [line for line in opened.complaints if not is_replaced(line)]
        assert all(url.startswith(server.url) for url in opened.requests)


def is_replaced(complaint: str) -> bool:
    """Whether a sound or score stopped loading, because the page shows another tune."""
    return re.match(r"failed: \S+/(sound|score)/", complaint) is not None


def visit(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("body[data-ready]")


def reload(page: Any) -> None:
    # It ends requests under way, which would look like failures.
    page.wait_for_load_state("networkidle")
    page.reload()
    page.wait_for_selector("body[data-ready]")


def draw(page: Any, press: str = "d") -> None:
    """Draw by a key, and wait for the tune."""
    before = page.inner_text("#place")
    page.keyboard.press(press)
    page.wait_for_function(
        "before => document.getElementById('place').textContent !== before && !document.body.dataset.busy",
        arg=before,
    )
    page.wait_for_selector("body:not([data-busy])")


def begin(page: Any, phrase: str = PHRASE) -> None:
    page.fill("#phrase", phrase)
    page.locator("#draw").focus()


def wait_for_status(page: Any, text: str) -> None:
    page.wait_for_function("text => document.getElementById('status').textContent === text", arg=text)


def abc(page: Any, side: int = 0) -> str:
    return page.locator(".tune details code").nth(side).text_content()


def test_a_tune_is_drawn_heard_and_seen_by_keyboard(watched: Watched) -> None:
    page = watched.page
    begin(page)
    draw(page)
    assert PHRASE in abc(page) and page.locator(".tune").count() == 2
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    head = page.locator(".tune").first.locator(".playhead").first
    assert head.get_attribute("visibility") == "visible"
    place = float(head.get_attribute("x1"))
    page.wait_for_function(
        "place => Number(document.querySelector('.playhead').getAttribute('x1')) > place", arg=place
    )
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('audio').paused")
    page.wait_for_function("() => document.querySelector('img.score').naturalWidth > 100")
    page.wait_for_selector(".nearest b")
    assert page.locator(".judgement").first.inner_text()


def test_a_reload_keeps_the_state(watched: Watched) -> None:
    page = watched.page
    page.select_option("#key", "C")
    page.locator("#temperature").fill("0.5")
    begin(page)
    draw(page)
    text, place, address = abc(page), page.inner_text("#place"), page.url
    reload(page)
    assert (abc(page), page.inner_text("#place"), page.url) == (text, place, address)
    assert page.input_value("#key") == "C" and page.input_value("#phrase") == PHRASE
    assert page.inner_text("#temperature-value") == "0.50"


def test_going_back_shows_the_tune_before(watched: Watched) -> None:
    page = watched.page
    begin(page)
    draw(page)
    number = page.inner_text("#place").partition("of")[0]
    draw(page)
    page.go_back()
    page.wait_for_function("n => document.getElementById('place').textContent.startsWith(n)", arg=number)
    draw(page, "n")


def test_the_seed_counts_up_unless_it_is_held(watched: Watched) -> None:
    page = watched.page
    begin(page)
    draw(page)
    seed, text = int(page.input_value("#seed")), abc(page)
    draw(page)
    assert int(page.input_value("#seed")) == seed + 1 and abc(page) != text
    page.uncheck("#fresh")
    page.fill("#seed", str(seed))
    page.locator("#draw").focus()
    draw(page)
    assert int(page.input_value("#seed")) == seed and abc(page) == text


def test_a_tune_is_continued_from_a_chosen_bar(watched: Watched) -> None:
    page = watched.page
    begin(page)
    draw(page)
    assert page.locator(".actions button").first.is_disabled()
    page.keyboard.press("c")
    wait_for_status(page, "Choose a bar first")
    assert page.locator(".bar:disabled").first.get_attribute("title").startswith("After the last bar")
    bar = page.locator(".bar").first
    bar.focus()
    page.keyboard.press("Enter")
    assert page.locator(".actions button").first.inner_text() == "Continue after bar 1"
    head = abc(page).partition("|")[0]
    draw(page, "c")
    assert abc(page).startswith(f"{head}|")
    assert page.locator(".bar").first.get_attribute("aria-pressed") == "true", "to continue once more"


def test_what_the_run_fixes_is_shown_until_a_phrase_replaces_it(watched: Watched) -> None:
    page = watched.page
    prompt = {"prompt": "X:1\nT:Smoke\nK:D\n", "fixed": {"key": "D"}}

    def answer(route: Any) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | prompt)

    page.route("**/api/state", answer)
    reload(page)
    assert page.inner_text("#begins").endswith(": X:1 T:Smoke K:D")
    first = page.locator("#key option").first
    assert first.text_content() == "run: D"
    assert page.locator("#meter option").first.text_content() == "any metre"
    page.fill("#phrase", PHRASE)
    assert first.text_content() == "any key"


def test_the_small_keyboard_writes_notes_of_the_key(watched: Watched) -> None:
    page = watched.page
    page.select_option("#key", "C")
    keys = page.locator("#piano button")
    keys.first.click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert page.input_value("#phrase") == "C^C=C"
    page.get_by_role("button", name="Bar", exact=True).click()
    page.locator("#lengths label", has_text="2").click()
    keys.first.click()
    assert page.input_value("#phrase") == "C^C=C|C2"
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert page.input_value("#phrase") == "C^C=C"


def test_a_kept_tune_can_be_loaded_and_rated(watched: Watched) -> None:
    page = watched.page
    begin(page)
    draw(page)
    number = page.locator("#kept > li").count() + 1
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")
    page.wait_for_function("n => document.querySelectorAll('#kept > li').length === n", arg=number)
    item = page.locator("#kept > li").last
    assert item.locator(".files a").all_inner_texts() == ["ABC", "MIDI", "MP3", "MusicXML", "Score"]
    with page.expect_download() as download:
        item.get_by_text("MIDI").click()
    assert download.value.suggested_filename == f"{number:03d}.mid"
    item.locator("summary").click()
    item.get_by_label("Structure").select_option("4")
    item.get_by_label("What did you hear?").fill("A fine ending")
    item.get_by_role("button", name="Add to the findings").click()
    wait_for_status(page, "Added to findings.jsonl")


def test_hostile_texts_are_shown_as_text(watched: Watched) -> None:
    page = watched.page
    hostile = "<img src=x onerror=alert(1)>"

    def answer(route: Any) -> None:
        response = route.fetch()
        content = response.json()
        for side in content.get("sides", []):
            side |= {"title": hostile, "abc": hostile, "judgement": hostile, "remark": hostile}
            side["bars"][0]["text"] = hostile
        if "nearest" in content:
            content["nearest"] |= {"tune": hostile, "words": hostile}
        route.fulfill(response=response, json=content)

    page.route(re.compile("/api/(draw|nearest)$"), answer)
    begin(page)
    draw(page)
    page.wait_for_selector(".nearest b")
    assert page.locator(".tune h2").first.inner_text() == hostile
    assert page.locator(".nearest b").first.inner_text() == hostile
    assert page.locator("img:not(.score)").count() == 0


def test_a_refusal_is_shown(watched: Watched) -> None:
    page = watched.page
    begin(page)
    draw(page)
    before = (page.inner_text("#place"), page.input_value("#seed"), abc(page))
    begin(page, "CDé")
    page.keyboard.press("d")
    wait_for_status(page, "the phrase has characters that the training tunes do not have: é")
    assert (page.inner_text("#place"), page.input_value("#seed"), abc(page)) == before
    # An old page after a restart of the server.
    page.evaluate("document.activeElement.blur()")
    page.route("**/api/draw", lambda route: route.fulfill(status=403, json={"error": "reload this page"}))
    page.keyboard.press("d")
    wait_for_status(page, "reload this page")
    watched.complaints.clear()  # the browser reports the refused request, as it should


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_fits(browser: Any, server: PlayingServer, scheme: str) -> None:
    with watched_page(browser, viewport={"width": 390, "height": 844}, color_scheme=scheme) as watched:
        visit(watched.page, server.url)
        begin(watched.page)
        draw(watched.page)
        watched.page.wait_for_selector(".nearest b")
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
        top = watched.page.locator(".tune h2").first.bounding_box()["y"]
        assert 0 <= top < 844, "the new tune is in view"
        watched.page.wait_for_function("() => document.querySelector('img.score').naturalWidth > 100")
        assert watched.page.locator(".score").first.bounding_box()["width"] >= 600, "scrolls, and is legible"
        assert watched.page.locator(".roll").first.bounding_box()["height"] >= 200
        assert not [line for line in watched.complaints if not is_replaced(line)]
