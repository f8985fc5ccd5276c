"""What the end of a sweep prints, as one small HTML page without scripts, for trackers."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from musicgen.effects.printing import FULL_WIDTH

SHOWN_FIGURES = ("effects", "loss_curves")
"""Figures of the page, by file name without suffix; trackers get the others as pictures."""
_PAGE = """<h1>{title}</h1>
<p>{question}</p>
<pre style="white-space: pre-wrap">{{code}}</pre>
{figures}
<p>The songs are in the experiments of the runs. <code>musicgen report</code> makes a longer page.</p>
"""


def page_console() -> Console:
    """A console that shows nothing and records what is printed, for `summary_page`."""
    return Console(file=io.StringIO(), record=True, width=FULL_WIDTH)


def summary_page(title: str, question: str | None, printed: Console, figures: Sequence[Path]) -> str:
    """The page. printed: has recorded the tables and verdicts; figures: files, some of which are shown."""
    shown = [path for path in figures if path.suffix == ".png" and path.stem in SHOWN_FIGURES]
    page = _PAGE.format(
        title=_escaped(title), question=_escaped(question or ""), figures="\n".join(map(_image, shown))
    )
    return printed.export_html(inline_styles=True, code_format=page)


def _escaped(text: str) -> str:
    # Braces would be fields of the format.
    return html.escape(text).replace("{", "{{").replace("}", "}}")


def _image(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img style="max-width: 100%" alt="{path.stem}" src="data:image/png;base64,{content}">'
