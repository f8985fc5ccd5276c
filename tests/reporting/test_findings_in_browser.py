"""Findings in a real browser: entered with their run, saved in the log, shown in the next report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musicgen.records.findings import read_findings
from musicgen.reporting.report import ReportOptions
from musicgen.reporting.report_files import WrittenReport, write_folder
from musicgen.reporting.server import ReportServer
from musicgen.reporting.study_data import read_study
from tests.browser import Watched, watched_page
from tests.http_client import running
from tests.records.made_runs import LOSS
from tests.reporting.written_study import write_study

pytestmark = pytest.mark.slow

CHOICES = ReportOptions(pairs=1, best=1)
GRU = "10" * 8
HOSTILE = "<script>fail()</script>\n<img src=x onerror=fail()> & so on"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_study(tmp_path_factory.mktemp("served") / "study", name=None)
    (root / "plan.csv").touch()
    return root


@pytest.fixture(scope="module")
def written(study: Path) -> WrittenReport:
    """The report of the study without findings."""
    return write_folder(read_study([study]), study / "report", CHOICES)


@pytest.fixture(scope="module")
def server(written: WrittenReport) -> Iterator[ReportServer]:
    with running(ReportServer(written.report, written.page.parent, 0)) as started:
        yield started


@pytest.fixture(autouse=True)
def without_findings(study: Path, server: ReportServer) -> Iterator[None]:
    """Every test begins without findings, which are only in the log, and with the server's own token."""
    token = server.token
    yield
    server.token = token
    (study / "findings.jsonl").unlink(missing_ok=True)


@pytest.fixture
def served(browser: Any, server: ReportServer) -> Iterator[Watched]:
    with watched_page(browser) as opened:
        opened.page.goto(server.url)
        yield opened
        assert opened.complaints == []
        assert all(url.startswith((server.url, "data:")) for url in opened.requests)


def notes(page: Any, run_id: str = GRU) -> Any:
    return page.locator(f"details.run-notes[data-run='{run_id}']")


def test_a_finding_is_saved_shown_and_reported(
    served: Watched, study: Path, browser: Any, tmp_path: Path
) -> None:
    page, own = served.page, notes(served.page)
    # The link of a song leads to its run's form.
    page.locator("#listen .to-notes a").nth(1).click()
    own.get_by_label("What did you notice?").fill(HOSTILE)
    own.get_by_label("Musicality").select_option("4")
    own.get_by_label("Emotion and style").select_option(label="2 · A trace of one")
    own.get_by_label("Parameter").select_option("model.cell")
    own.get_by_label("Direction").select_option("lowers")
    own.get_by_label("Metric").select_option(LOSS)
    own.get_by_label("Your name").fill("Ann")
    own.get_by_role("button", name="Save the finding").click()
    own.get_by_role("status").get_by_text("Saved in findings.jsonl").wait_for()
    shown = own.locator(".finding-text")
    assert shown.all_inner_texts() == [HOSTILE] and own.locator(".finding-text *").count() == 0
    assert "Ann · Musicality 4 of 5 · Emotion and style 2 of 5" in own.locator(".finding").inner_text()
    assert "cites: model.cell lowers validation loss" in own.locator(".finding").inner_text()
    assert page.locator(f"#runs td[data-run='{GRU}']").inner_text() == "1 finding"
    assert own.locator(".count").inner_text() == "1 finding"
    assert own.get_by_label("What did you notice?").input_value() == ""
    assert own.get_by_label("Your name").input_value() == "Ann"

    (finding,) = read_findings([study / "findings.jsonl"])
    assert (finding.run_id, finding.text, finding.author) == (GRU, HOSTILE, "Ann")
    assert finding.ratings == {"musicality": 4, "emotion_and_style": 2}
    page.reload()
    assert shown.all_inner_texts() == [HOSTILE] and page.locator("script").count() == 1

    later = write_folder(read_study([study]), tmp_path / "later", CHOICES).page
    with watched_page(browser, offline=True) as opened:
        opened.page.goto(later.as_uri())
        assert notes(opened.page).locator(".finding-text").all_inner_texts() == [HOSTILE]
        assert opened.complaints == []


def test_the_form_works_with_the_keyboard_alone(served: Watched, study: Path) -> None:
    page, own = served.page, notes(served.page, "00" * 8)
    own.locator("summary").focus()
    page.keyboard.press("Enter")
    own.locator("textarea").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("plain")
    page.keyboard.press("Tab")
    page.keyboard.type("5")
    page.keyboard.press("Control+Enter")
    own.get_by_text("Saved in").wait_for()
    page.keyboard.type("again")
    for _ in range(8):
        page.keyboard.press("Tab")
    page.keyboard.type("Ben")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    own.locator(".finding").nth(1).wait_for()
    first, second = read_findings([study / "findings.jsonl"])
    assert (first.text, first.ratings, first.author) == ("plain", {"musicality": 5}, None)
    assert (second.text, second.ratings, second.author) == ("again", {}, "Ben")


def test_a_refused_finding_stays_in_the_form(served: Watched, server: ReportServer, study: Path) -> None:
    own = notes(served.page)
    own.locator("summary").click()
    own.get_by_label("What did you notice?").fill("lively")
    own.get_by_label("Metric").select_option(LOSS)
    own.get_by_role("button", name="Save the finding").click()
    own.get_by_text("Not saved. an effect needs one of this study's parameters").wait_for()
    own.get_by_label("Metric").select_option("")
    server.token = "another"
    own.get_by_role("button", name="Save the finding").click()
    own.get_by_text("Not saved. The server has been restarted: reload this page.").wait_for()
    assert own.get_by_label("What did you notice?").input_value() == "lively"
    assert own.locator(".finding").count() == 0 and not (study / "findings.jsonl").exists()
    assert [text[:24] for text in served.complaints] == ["Failed to load resource:"] * 2
    served.complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_fits_a_phone(browser: Any, server: ReportServer, scheme: str) -> None:
    with watched_page(browser, viewport=PHONE, color_scheme=scheme) as opened:
        opened.page.goto(f"{server.url}#notes-{GRU}")
        notes(opened.page).locator("textarea").wait_for()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert opened.complaints == []


def test_a_page_from_the_disk_has_a_command_to_copy(browser: Any, written: WrittenReport) -> None:
    with watched_page(browser, offline=True) as opened:
        opened.page.goto(f"{written.page.as_uri()}#notes-{GRU}")
        own = notes(opened.page)
        assert own.locator("code").inner_text() == 'python -m musicgen.note study/model.cell=gru/seed=0 "…"'
        assert opened.page.locator("form, textarea").count() == 0
        own.get_by_role("button", name="Copy").click()
        own.get_by_role("button", name="Copied").or_(own.get_by_role("button", name="Selected")).wait_for()
        assert opened.complaints == []
