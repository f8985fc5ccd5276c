"""A listener's whole path in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicgen.listening.server import ListeningServer
from musicgen.listening.session import PAIRS
from tests.asking import running
from tests.listening.made_session import BASELINE, CHANGED, begin, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    pytest.skip("no Chromium at /usr/bin/chromium (Debian's package chromium)", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


class Traffic:
    """Everything that a page fetched and complained of."""

    def __init__(self, page: Page) -> None:
        self.texts: list[str] = []
        self.urls: list[str] = []
        self.complaints: list[str] = []
        page.on("response", self._keep)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _keep(self, response: Response) -> None:
        self.urls.append(response.url)
        self.texts.append(f"{response.url} {response.headers} {response.request.post_data}")
        if "/sound/" not in response.url:
            self.texts.append(response.text())


@pytest.fixture
def served(request: pytest.FixtureRequest, sweep: Path) -> Iterator[ListeningServer]:
    """A server of ratings of eight tunes, or of what the test asks for."""
    with running(ListeningServer(begin(sweep, getattr(request, "param", settings())), 0)) as started:
        yield started


def enter(page: Page, url: str, name: str) -> int:
    """Begin; returns how many trials there are."""
    page.goto(url)
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#trial:not([hidden])")
    return int(page.inner_text("#place").split()[-1])


def wait_for_trial(page: Page, number: int) -> None:
    page.wait_for_function(
        "number => document.getElementById('place').textContent.includes(` ${number} of`)", arg=number
    )


def rate(page: Page, number: int) -> None:
    """Hear the trial with the space bar and rate it with the digits."""
    wait_for_trial(page, number)
    page.keyboard.press(" ")
    page.wait_for_selector("#questions:not(.locked)")
    for point in range(4):
        page.keyboard.press(str(1 + (number + point) % 5))


# Eight tunes of the arms and two anchors of each kind: twelve, four of which come back.
@pytest.mark.parametrize("served", [settings(num_tunes=8, num_anchors=2)], indirect=True)
def test_a_listeners_whole_path(served: ListeningServer, page: Page) -> None:
    traffic = Traffic(page)
    database = served.listening.database
    assert len(database.items) == 12
    num_trials = enter(page, served.url, "Anna")
    assert num_trials == 16
    for number in range(1, 7):
        rate(page, number)
        page.keyboard.press("Enter")
    rate(page, 7)
    page.wait_for_selector("body:not([data-saving])")
    page.reload()
    # On with the first that is not rated, the others as they were.
    wait_for_trial(page, 8)
    page.keyboard.press("Backspace")
    wait_for_trial(page, 7)
    assert page.locator("#questions input:checked").evaluate_all("all => all.map(one => +one.value)") == [
        1 + (7 + point) % 5 for point in range(4)
    ]
    page.keyboard.press("Enter")
    for number in range(8, num_trials + 1):
        rate(page, number)
        page.keyboard.press("Enter")
    page.wait_for_selector("#end:not([hidden])")
    assert not traffic.complaints

    source = page.content() + "".join(traffic.texts)
    told = [CHANGED, "gru", "lstm", "shuffled notes", "corpus tunes"]
    told += [word for one in database.stimuli.values() for word in (one.stimulus_id, one.run_id) if word]
    # The script of the result page has these words for everyone; which tune they belong to it does not know.
    scripts = (Path(__file__).parents[2] / "musicgen/listening/page/result.js").read_text(encoding="utf-8")
    assert not [word for word in told if source.count(word) > scripts.count(word) * source.count(scripts)]
    assert len({url for url in traffic.urls if "/sound/" in url}) == num_trials
    assert all(url.startswith(served.url) for url in traffic.urls)

    page.get_by_role("button", name="End, and see the result").click()
    page.wait_for_selector("#result:not([hidden])")
    result = page.inner_text("#result")
    assert "One listener: Anna." in result and CHANGED in result and "held-out corpus tunes" in result
    assert re.search(r"Anna: \d+ of 16 repeated ratings the same", result)
    answers = database.answers()
    assert len(answers) == 16 * 4 and all(answer.has_ended for answer in answers)
    first = next(answer.heard[0] for answer in answers if answer.position == 1)
    row = page.locator("#result table").last.locator("tbody tr").first.inner_text()
    assert first.arm in row or first.anchor
    assert {path.name for path in served.listening.database.path.parent.glob("*.csv")} >= {
        "ratings.csv",
        "listening.csv",
        "agreement.csv",
    }
    assert not traffic.complaints


def test_nothing_is_rated_unheard_and_refused_saves_are_said(served: ListeningServer, page: Page) -> None:
    enter(page, served.url, "Anna")
    page.keyboard.press("4")
    assert "Listen first" in page.inner_text("#status")
    assert page.locator("#questions input:disabled").count() == 20
    page.keyboard.press(" ")
    page.wait_for_selector("#questions:not(.locked)")
    audio = page.locator("audio")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.1")
    assert audio.evaluate("one => one.duration") > 1
    served.token = "another"
    page.keyboard.press("4")
    page.wait_for_function("() => document.getElementById('status').textContent.startsWith('Not saved')")
    assert "load this page again" in page.inner_text("#status")
    assert page.locator("#questions input:checked").count() == 0
    assert served.listening.database.answers() == []


def test_two_in_one_browser_pause_and_come_back_by_name(served: ListeningServer, browser: Browser) -> None:
    context = browser.new_context()
    first, second = context.new_page(), context.new_page()
    enter(first, served.url, "Anna")
    enter(second, served.url, "Ben")
    rate(first, 1)
    rate(second, 1)
    for one in (first, second):
        one.wait_for_selector("body:not([data-saving])")
        one.reload()
    wait_for_trial(first, 2)
    assert first.inner_text("#who") == "Anna" and second.inner_text("#who") == "Ben"
    first.get_by_role("button", name="Pause").first.click()
    first.wait_for_selector("#start:not([hidden])")
    enter(first, served.url, "Anna")
    wait_for_trial(first, 2)
    context.close()
    answers = served.listening.database.answers()
    assert [(answer.listener, answer.position) for answer in answers] == 4 * [("Anna", 1)] + 4 * [("Ben", 1)]


@pytest.mark.parametrize("served", [settings(PAIRS, num_tunes=4, num_anchors=1)], indirect=True)
def test_pairs_by_keyboard(served: ListeningServer, page: Page) -> None:
    num_trials = enter(page, served.url, "Anna")
    for number in range(1, num_trials + 1):
        wait_for_trial(page, number)
        page.keyboard.press("a")
        page.wait_for_function("() => document.querySelectorAll('audio')[0].currentTime > 0.05")
        page.keyboard.press("1")
        assert "Hear all" in page.inner_text("#status")
        page.keyboard.press("b")
        page.wait_for_selector("#questions:not(.locked)")
        assert page.locator("audio").evaluate_all("all => all.map(one => one.paused)") == [True, False]
        page.keyboard.press("2")
        page.keyboard.press("Enter")
    page.get_by_role("button", name="End, and see the result").click()
    page.wait_for_selector("#result:not([hidden])")
    assert f"{CHANGED}, to the {BASELINE}" in page.inner_text("#result")
    assert [answer.value for answer in served.listening.database.answers()] == num_trials * [2]


@pytest.mark.parametrize("served", [settings(num_tunes=2, num_anchors=0, num_sets=1)], indirect=True)
def test_sets_of_four_by_keyboard(served: ListeningServer, page: Page) -> None:
    num_trials = enter(page, served.url, "Anna")
    assert num_trials == 2 + 1 + 2
    for number in range(1, 4):
        rate(page, number)
        page.keyboard.press("Enter")
    for number in (4, 5):
        wait_for_trial(page, number)
        for place, letter in enumerate("abcd"):
            page.keyboard.press(letter)
            page.wait_for_function(
                "place => document.querySelectorAll('audio')[place].currentTime > 0.05", arg=place
            )
        page.wait_for_selector("#questions:not(.locked)")
        page.keyboard.press("5")
        page.keyboard.press("Enter")
    page.get_by_role("button", name="End, and see the result").click()
    page.wait_for_selector("#result:not([hidden])")
    assert "Variety of the four" in page.inner_text("#result")
    given = [answer for answer in served.listening.database.answers() if answer.question == "set_variety"]
    assert [answer.value for answer in given] == [5, 5]


def test_the_page_is_one_that_a_screen_reader_reads(served: ListeningServer, page: Page) -> None:
    enter(page, served.url, "Anna")
    assert page.get_by_role("group").count() == 4
    name = "Musicality Is it a melody that a musician would play?"
    assert page.get_by_role("group", name=name).get_by_role("radio").count() == 5
    assert page.get_by_role("radio", name="1 Notes at random").count() == 1
    assert page.get_by_role("button", name="Play").count() == 1
    assert page.get_by_role("progressbar", name="Answered").count() == 1
    assert page.get_by_role("status").count() == 1
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
