"""The listening page in a real browser, from the start to the results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicgen.listening.server import ListeningServer
from musicgen.listening.session import PAIRS
from musicgen.records.naming import without_groups
from tests.http_client import running
from tests.listening.made_session import CHANGED, begin, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


class Traffic:
    """Everything that a page fetched, and its errors."""

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
    """A server for a session of eight tunes, or with the settings that the test passes."""
    with running(ListeningServer(begin(sweep, getattr(request, "param", settings())), 0)) as started:
        yield started


def enter(page: Page, url: str, name: str) -> int:
    """Enter a name; returns the number of trials."""
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
    """Play the trial with the space bar and rate it with the digit keys."""
    wait_for_trial(page, number)
    page.keyboard.press(" ")
    page.wait_for_selector("#questions:not(.locked)")
    for point in range(4):
        page.keyboard.press(str(1 + (number + point) % 5))


# Eight tunes and two anchors of each kind: twelve items, four of which are repeated.
@pytest.mark.parametrize("served", [settings(num_tunes=8, num_anchors=2)], indirect=True)
def test_a_session_from_start_to_results(served: ListeningServer, page: Page) -> None:
    traffic = Traffic(page)
    database = served.service.database
    assert len(database.items) == 12
    num_trials = enter(page, served.url, "Anna")
    assert num_trials == 16
    for number in range(1, 7):
        rate(page, number)
        page.keyboard.press("Enter")
    rate(page, 7)
    page.wait_for_selector("body:not([data-saving])")
    page.reload()
    # It continues with the first unrated trial; earlier ratings are still there.
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
    secrets = [CHANGED, "gru", "lstm", "shuffled notes", "corpus tunes"]
    secrets += [word for one in database.stimuli.values() for word in (one.stimulus_id, one.run_id) if word]
    # The script of the results contains these words too, but for every listener alike.
    scripts = (Path(__file__).parents[2] / "musicgen/listening/page/result.js").read_text(encoding="utf-8")
    assert not [word for word in secrets if source.count(word) > scripts.count(word) * source.count(scripts)]
    assert len({url for url in traffic.urls if "/sound/" in url}) == num_trials
    assert all(url.startswith(served.url) for url in traffic.urls)

    page.get_by_role("button", name="End and see the results").click()
    page.wait_for_selector("#result:not([hidden])")
    result = page.inner_text("#result")
    assert "One listener: Anna." in result and "cell=gru" in result and "held-out corpus tunes" in result
    assert re.search(r"Anna: \d+ of 16 repeated ratings identical", result)
    answers = database.answers()
    assert len(answers) == 16 * 4 and all(answer.has_ended for answer in answers)
    first = next(answer.heard[0] for answer in answers if answer.position == 1)
    row = page.locator("#result table").last.locator("tbody tr").first.inner_text()
    assert without_groups(first.arm) in row or first.anchor
    assert {path.name for path in served.service.database.path.parent.glob("*.csv")} >= {
        "ratings.csv",
        "listening.csv",
        "agreement.csv",
    }
    assert not traffic.complaints


def test_result_tables_name_arms_briefly_and_give_every_count(served: ListeningServer, page: Page) -> None:
    agreement = {"unit": "tune", "better": None, "rank_correlation": 0.5, "ci_low": 0.1, "ci_high": 0.8}
    result = {
        "listeners": ["Anna"],
        "num_under_way": 0,
        "remarks": [],
        "samples": [{"arm": CHANGED, "num_tunes": 8, "num_invalid": 2, "num_without_notes": 0}],
        "tables": {
            "agreement.csv": [
                agreement | {"metric": metric, "criterion": criterion, "num_units": count}
                for metric, criterion, count in (
                    ("num_notes", "musicality", 12),
                    ("num_notes", "variety", 8),
                    ("lag_repeat", "musicality", 9),
                )
            ]
        },
        "reliability": [],
        "between_listeners": {},
        "repeats": [0, 0],
        "titles": {},
        "heard": [],
        "files": [],
    }
    page.goto(served.url)
    page.evaluate(
        """async (result) => {
            const { showResult } = await import("/result.js");
            showResult(document.getElementById("result"), result);
        }""",
        result,
    )
    rows = page.locator("#result tbody tr")
    assert rows.locator("th").all_text_contents() == ["cell=gru", "num notes", "lag repeat"]
    assert rows.locator("td:last-child").all_text_contents() == ["0 (0 %)", "8 to 12", "9"]


def test_unheard_tunes_cannot_be_rated_and_errors_are_shown(served: ListeningServer, page: Page) -> None:
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
    assert "reload this page" in page.inner_text("#status")
    assert page.locator("#questions input:checked").count() == 0
    assert served.service.database.answers() == []


def test_two_listeners_in_one_browser_resume_by_name(served: ListeningServer, browser: Browser) -> None:
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
    answers = served.service.database.answers()
    assert [(answer.listener, answer.position) for answer in answers] == 4 * [("Anna", 1)] + 4 * [("Ben", 1)]


@pytest.mark.parametrize("served", [settings(PAIRS, num_tunes=4, num_anchors=1)], indirect=True)
def test_pairs_by_keyboard(served: ListeningServer, page: Page) -> None:
    num_trials = enter(page, served.url, "Anna")
    for number in range(1, num_trials + 1):
        wait_for_trial(page, number)
        page.keyboard.press("a")
        page.wait_for_function("() => document.querySelectorAll('audio')[0].currentTime > 0.05")
        page.keyboard.press("1")
        assert "Listen to all" in page.inner_text("#status")
        page.keyboard.press("b")
        page.wait_for_selector("#questions:not(.locked)")
        assert page.locator("audio").evaluate_all("all => all.map(one => one.paused)") == [True, False]
        page.keyboard.press("2")
        page.keyboard.press("Enter")
    page.get_by_role("button", name="End and see the results").click()
    page.wait_for_selector("#result:not([hidden])")
    assert "cell=gru over the baseline" in page.inner_text("#result")
    assert [answer.value for answer in served.service.database.answers()] == num_trials * [2]


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
    page.get_by_role("button", name="End and see the results").click()
    page.wait_for_selector("#result:not([hidden])")
    assert "Variety of the four" in page.inner_text("#result")
    given = [answer for answer in served.service.database.answers() if answer.question == "set_variety"]
    assert [answer.value for answer in given] == [5, 5]


def test_the_page_is_accessible(served: ListeningServer, page: Page) -> None:
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
