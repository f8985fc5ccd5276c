"""Hooks of mkdocs: the pages are written for a code host, and the site shows them unchanged.

Pages link to files outside docs/. The site has those files at their places in the repository, and the pages
of docs/ at its root, so links are rewritten. GitHub and Python-Markdown also differ in where a list begins.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE.md", "conf/**/*.yaml"),
    *("benchmarks/*.md", "benchmarks/*.json", "benchmarks/figures/*", "experiments/**/*"),
)
"""Files that the pages link to, directly or through each other."""
_LINK = re.compile(r"(\]\()([^)\s#:]+)")
_LINK_OF_NOTEBOOK = re.compile(r'(href=")([^"#:]+\.(?:md|ipynb))')
_ITEM = re.compile(r"(?:[-*]|\d+\.) ")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/."""
    for path in sorted({path for pattern in OUTSIDE for path in ROOT.glob(pattern) if path.is_file()}):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to the places on the site, and lists begin where they do on GitHub."""
    here, uri = Path(str(page.file.abs_src_path)).parent, page.file.src_uri

    def moved(link: re.Match[str]) -> str:
        place = _place(here / link[2])
        return link[0] if place is None else link[1] + relpath(place, dirname(uri) or ".")

    return "\n".join(_with_blank_lines(_LINK.sub(moved, markdown)))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links of a notebook lead to pages; mkdocs does so for Markdown only."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html

    def moved(link: re.Match[str]) -> str:
        file = files.get_file_from_path(_place(ROOT / "docs" / link[2]) or "")
        if file is None:
            raise FileNotFoundError(f"{page.file.src_uri} links to {link[2]}, which is not on the site")
        return link[1] + file.url_relative_to(page.file)

    return _LINK_OF_NOTEBOOK.sub(moved, html)


def _place(target: Path) -> str | None:
    """Where a file of the repository is on the site; None if there is no such file."""
    target = target.resolve()
    if not target.exists() or not target.is_relative_to(ROOT):
        return None
    place = target.relative_to(ROOT).as_posix()
    return "index.md" if place == "README.md" else place.removeprefix("docs/")


def _with_blank_lines(markdown: str) -> Iterator[str]:
    """The lines of a page, in which lists and the code in them stand as Python-Markdown wants them.

    A list needs a blank line before it, and what belongs to an item an indentation of four.
    """
    before, shift, is_code = "", "", False
    for line in markdown.split("\n"):
        text = line.lstrip()
        indent = len(line) - len(text)
        is_fence = text.startswith("```")
        if not is_code:
            shift = " " * (-indent % 4) if is_fence or _ITEM.match(text) else ""
            starts_list = _ITEM.match(line) and not _ITEM.match(before) and not before.startswith(" ")
            if before and (starts_list or (is_fence and indent)):
                yield ""
        yield shift + line
        is_code = is_code != is_fence
        before = line
