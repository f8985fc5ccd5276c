"""Hooks of mkdocs: the pages are written for a code host, and the site shows them unchanged.

Pages link to files outside docs/. The site has those files at their places in the repository, and the pages
of docs/ at its root, so links are rewritten. The notebook becomes a page like any other. GitHub and
Python-Markdown also differ in where a list begins.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter
from nbconvert.filters import strip_ansi

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE.md", "conf/**/*.yaml"),
    *("benchmarks/*.md", "benchmarks/*.json", "benchmarks/figures/*", "experiments/**/*"),
)
"""Files that the pages link to, directly or through each other."""
_LINK = re.compile(r"(\]\()([^)\s#:]+)")
_ITEM = re.compile(r"(?:[-*]|\d+\.) ")
_PANDAS = '<table border="1" class="dataframe">'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/, and the notebook as a page."""
    for path in sorted({path for pattern in OUTSIDE for path in ROOT.glob(pattern) if path.is_file()}):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    place = {"output_files_dir": "tutorial"}
    text, resources = MarkdownExporter().from_filename(str(ROOT / "docs" / "tutorial.ipynb"), place)
    # Outputs have the colours of a terminal, and the theme leaves tables with a class alone.
    text = strip_ansi(text).replace(_PANDAS, "<table>")
    files.append(File.generated(config, "tutorial.md", content=text))
    for name, content in resources["outputs"].items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to the places on the site, and lists begin where they do on GitHub."""
    source = page.file.abs_src_path
    here = ROOT / "docs" if source is None else Path(source).parent

    def moved(link: re.Match[str]) -> str:
        place = _place(here / link[2])
        return link[0] if place is None else link[1] + relpath(place, dirname(page.file.src_uri) or ".")

    return "\n".join(_with_blank_lines(_LINK.sub(moved, markdown)))


def _place(target: Path) -> str | None:
    """Where a file of the repository is on the site; None for any other path."""
    target = target.resolve()
    if not target.exists() or not target.is_relative_to(ROOT):
        return None
    if target.suffix == ".ipynb":
        target = target.with_suffix(".md")
    place = target.relative_to(ROOT).as_posix()
    return "index.md" if place == "README.md" else place.removeprefix("docs/")


def _with_blank_lines(markdown: str) -> Iterator[str]:
    """The lines of a page, in which lists and the code in them stand as Python-Markdown wants them.

    A list needs a blank line before it, and what belongs to an item an indentation of four.
    """
    before, shift, is_code, was_fence = "", "", False, False
    for line in markdown.split("\n"):
        text = line.lstrip()
        indent = len(line) - len(text)
        is_fence = text.startswith("```")
        if not is_code:
            shift = " " * (-indent % 4) if is_fence or _ITEM.match(text) else ""
            is_in_list = not was_fence and (before.startswith(" ") or _ITEM.match(before))
            if before and ((_ITEM.match(line) and not is_in_list) or (is_fence and indent)):
                yield ""
        yield shift + line
        before, was_fence, is_code = line, is_fence, is_code != is_fence
