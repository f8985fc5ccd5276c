"""A real browser for tests: the system's Chromium, headless."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
)


@dataclass
class Watched:
    """A page with its errors and requests."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    """Console errors and warnings, exceptions, failed requests."""
    requests: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser; skips the test if it or its driver is missing."""
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is missing (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is missing")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(_SWITCHES))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Any, **context: Any) -> Iterator[Watched]:
    """Open a page in a new context with options such as viewport=… or color_scheme="dark"."""
    own = browser.new_context(**context)
    own.set_default_timeout(120_000)
    watched = Watched(own.new_page())
    page = watched.page

    def note(message: Any) -> None:
        if message.type in {"error", "warning"}:
            watched.complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("requestfailed", lambda request: watched.complaints.append(f"failed: {request.url[:80]}"))
    page.on("request", lambda request: watched.requests.append(request.url))
    try:
        yield watched
    finally:
        own.close()
