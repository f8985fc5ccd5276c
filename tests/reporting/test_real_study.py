"""A real sweep of tiny networks, its report, and a browser that plays it."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser import watched_page
from tests.commands import last_line, run, train


@pytest.mark.slow
def test_the_report_of_a_real_study_plays_in_a_browser(tunebook: Path, tmp_path: Path, browser: Any) -> None:
    choices = ["--multirun", "model.cell=lstm,gru", "seed=0,1", "training.num_iterations=20"]
    sweep = last_line(train(tunebook, tmp_path / "outputs", *choices, "rendering=none", "tracker=none"))
    page_file = last_line(run("report", str(sweep), "--pack"))
    assert page_file == sweep / "report" / "report.html"
    moved = page_file.parent.rename(tmp_path / "moved")
    assert (moved / "best-songs.zip").is_file()
    with watched_page(browser, offline=True) as watched:
        page = watched.page
        page.goto((moved / "report.html").as_uri())
        assert page.locator("details.change").count() == 1
        assert page.locator("#runs tbody tr").count() == 4
        command = page.locator("#again pre").first.inner_text()
        assert command.startswith("python -m musicgen.train --multirun ") and "model.cell=lstm,gru" in command
        for song in page.locator("#best .ranking audio").all()[:2]:
            song.evaluate("audio => audio.play()")
            wanted = "audio => audio.duration > 0 && audio.currentTime > 0.1"
            page.wait_for_function(wanted, arg=song.element_handle())
        assert watched.complaints == []
        assert all(url.startswith("file:") for url in watched.requests)
