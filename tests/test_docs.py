"""The pages lead somewhere: links, paths and names in them exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "experiments/**/*.md")
    for page in ROOT.glob(pattern)
    if page.name != "log.md"  # its entries may name what is gone
)
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_readme_links_every_page_once() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    on_the_site_only = {"index.md", "api.md"}
    files = [page.name for pattern in ("*.md", "*.ipynb") for page in (ROOT / "docs").glob(pattern)]
    pages = [f"docs/{name}" for name in files if name not in on_the_site_only]
    assert len(pages) <= 12
    assert {page: text.count(f"]({page})") for page in pages} == dict.fromkeys(pages, 1)


def test_the_map_shows_every_room() -> None:
    tree = re.search(r"^musicgen/\n(.*?)^```", MAP, re.MULTILINE | re.DOTALL)
    assert tree is not None
    rooms = {path.name for path in (ROOT / "musicgen").iterdir() if (path / "__init__.py").is_file()}
    assert rooms <= set(re.findall(r"^  (\w+)/", tree[1], re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_existing_modules(page: Path) -> None:
    names = set(re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text(encoding="utf-8")))
    assert [name for name in names if not any((ROOT / top / name).exists() for top in ("", "musicgen"))] == []


def test_private_interfaces_are_used_where_the_map_says() -> None:
    table = MAP.partition("| interface | used in |")[2]
    for row in re.findall(r"^\| (.+?) \| (.+?) \| .+ \|$", table, re.MULTILINE)[1:]:
        names = [name for quoted in re.findall(r"`([^`]+)`", row[0]) for name in re.findall(r"\w+", quoted)]
        places = [ROOT / "musicgen" / place for place in re.findall(r"`([^`]+)`", row[1])]
        files = [file for place in places for file in (place.rglob("*.py") if place.is_dir() else [place])]
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        assert [name for name in names if name not in text] == [], row[1]
