"""The report in a real browser without the network: playing, sorting, layout, no errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musicgen.reporting.report import ReportOptions
from musicgen.reporting.report_files import write_folder, write_single_file
from musicgen.reporting.study_data import read_study
from tests.browser import Watched, watched_page
from tests.reporting.written_study import HOSTILE_TITLE

CHOICES = ReportOptions(pairs=1, best=2)
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module", params=["folder", "single file"])
def address(request: Any, study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("browser")
    study = read_study([study_folder])
    if request.param == "folder":
        return write_folder(study, out, CHOICES).page.as_uri()
    return write_single_file(study, out / "report.html", CHOICES).page.as_uri()


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    with watched_page(browser, offline=True) as opened:
        opened.page.goto(address)
        yield opened
        assert opened.complaints == []
        assert all(url.startswith(("file:", "data:")) for url in opened.requests)


def test_one_song_plays_at_a_time_and_its_roll_follows(watched: Watched) -> None:
    page = watched.page
    first, second = page.locator("#listen audio").nth(0), page.locator("#listen audio").nth(1)
    for audio in (first, second):
        audio.evaluate("audio => audio.play()")
        page.wait_for_function(
            "audio => audio.duration > 1 && audio.currentTime > 0.2",
            arg=audio.element_handle(),
        )
    assert first.evaluate("audio => audio.paused") and not second.evaluate("audio => audio.paused")
    head = page.locator("#listen .song").nth(1).locator(".playhead").first
    assert head.get_attribute("visibility") == "visible" and float(head.get_attribute("x1")) > 0


def test_a_score_loads_when_scrolled_into_view(watched: Watched) -> None:
    # Scores load lazily, and browsers differ in how early they start.
    score = watched.page.locator("#listen .song").nth(1).locator("img.score")
    score.scroll_into_view_if_needed()
    watched.page.wait_for_function(
        "image => image.complete && image.naturalWidth > 100", arg=score.element_handle()
    )


def test_runs_sort_by_mouse_and_keyboard(watched: Watched) -> None:
    page = watched.page
    headings = page.locator("#runs thead th")
    place = [text.strip() for text in headings.all_inner_texts()].index("Validation loss")
    heading, cell = headings.nth(place), f"#runs tbody tr > :nth-child({place + 1})"
    heading.get_by_role("button").click()
    values = page.locator(cell).all_inner_texts()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values[-1] == "–" and [float(value) for value in values[:-1]] == sorted(map(float, values[:-1]))
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    turned = page.locator(cell).all_inner_texts()
    assert turned[-1] == "–" and [float(value) for value in turned[:-1]] == sorted(
        map(float, values[:-1]), reverse=True
    )
    headings.nth(0).get_by_role("button").press("Space")
    assert page.locator("#runs [aria-sort]").count() == 1


def test_a_title_of_markup_is_no_title(watched: Watched) -> None:
    titles = watched.page.locator(".title")
    assert HOSTILE_TITLE not in titles.all_inner_texts() and "A Tune" in titles.all_inner_texts()
    assert watched.page.locator("script").count() == 1 and watched.page.locator(".title *").count() == 0


def test_markup_in_passages_is_shown_as_text(watched: Watched) -> None:
    passages = watched.page.locator("#best .ranking .passage")
    assert HOSTILE_TITLE in watched.page.locator("#best .ranking .judgement b").all_inner_texts()
    assert f'"{HOSTILE_TITLE}"CD EF' in passages.nth(1).locator("pre").inner_text()
    assert watched.page.locator(".passage :is(script, img)").count() == 0
    assert passages.locator("mark").all_inner_texts() == ["CDEF GABc|cBAG", "CD EF|GA Bc|cB AG"]
    left, right = (passages.nth(place).bounding_box() for place in range(2))
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]


def test_the_keyboard_reaches_the_answer_first(watched: Watched) -> None:
    page = watched.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    closed = page.locator("details.change:not([open]) > summary").first
    closed.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.change[open]").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(browser: Any, address: str, scheme: str) -> None:
    with watched_page(browser, viewport=PHONE, color_scheme=scheme, offline=True) as opened:
        opened.page.goto(address)
        opened.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        paper, ink = opened.page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        is_dark_paper = sum(map(int, paper.strip("rgb()").split(","))) < sum(
            map(int, ink.strip("rgb()").split(","))
        )
        assert is_dark_paper == (scheme == "dark")
        assert opened.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_effects_plot_keeps_its_rows_together(browser: Any, address: str, width: int) -> None:
    with watched_page(browser, viewport={"width": width, "height": 900}, offline=True) as opened:
        opened.page.goto(address)
        rows = opened.page.locator(".forest tbody tr").all()
        boxes = [row.bounding_box() for row in rows]
        strips = [row.locator("svg").bounding_box() for row in rows]
        assert len(boxes) == 4
        for row, strip in zip(boxes, strips, strict=True):
            assert row["height"] < 110 and 20 <= strip["height"] <= row["height"] and strip["width"] > 200
