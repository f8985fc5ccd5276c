"""The documentation as a site: it builds without a warning, and needs no other host."""

import functools
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import musicgen
from tests.browser import watched_page

ROOT = Path(__file__).parent.parent
PHONE = {"width": 390, "height": 844}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "mkdocstrings_handlers", "nbconvert"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is missing: pip install 'musicgen[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.slow
def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".ipynb")}
    assert pages <= {path.stem for path in site.glob("*.html")}
    assert (site / "experiments" / "home" / "index.html").is_file()
    assert "\x1b" not in (site / "tutorial.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    assert [name for name in musicgen.__all__ if f'id="musicgen.api.{name}"' not in page] == []
    # Examples that are not recognised become quotations.
    assert "<blockquote>" not in page


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index.html", "tutorial.html", "api.html", "experiments/index.html"])
def test_a_phone_shows_pages_without_another_host(page: str, address: str, browser: Any) -> None:
    with watched_page(browser, viewport=PHONE) as watched:
        watched.page.goto(address + page)
        watched.page.wait_for_load_state("networkidle")
        width = watched.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"] and watched.complaints == []
        assert [url for url in watched.requests if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.slow
def test_songs_of_the_tutorial_play(address: str, browser: Any) -> None:
    with watched_page(browser) as watched:
        watched.page.goto(address + "tutorial.html")
        song = watched.page.locator("audio").first
        song.evaluate("audio => audio.play()")
        watched.page.wait_for_function("audio => audio.currentTime > 0.2", arg=song.element_handle())
        image = watched.page.locator("img[alt^=Score]").first
        assert image.evaluate("image => image.naturalWidth") > 100
