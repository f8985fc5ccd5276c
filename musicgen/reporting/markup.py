"""A report as HTML and as Markdown.

Tunes, titles and prompts are text that a network wrote. The templates escape all of it. Scores, whose text
comes from tunes, are shown as images, in which nothing runs. The security policy allows only the page's own
script, style, pictures and sounds.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import isnan
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from musicgen.effects.answers import MARKS
from musicgen.effects.figures.style import metric_title
from musicgen.effects.screening import MEANING
from musicgen.metrics.registry import metric_words
from musicgen.records import copied_passages
from musicgen.records.criteria import CRITERIA
from musicgen.records.findings import DIRECTIONS, Finding
from musicgen.records.naming import level_of, shown_level
from musicgen.reporting import best_songs, side_by_side
from musicgen.reporting.inline_svg import colour_rules
from musicgen.reporting.report import Report
from musicgen.reporting.run_findings import anchor_of, citable_effects
from musicgen.reporting.run_table import arm_words, shown_number
from musicgen.search.trials import goal
from musicgen.system.words import signed

_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_FROM_FILES = re.compile(r'<audio [^>]*></audio>|<img class="score"[^>]*>')
_LINK = re.compile(r'<a href="(?!#|https?:)[^"]*"[^>]*>([^<]*)</a>')
"""A link to a file next to the page."""
_CONSTANTS = {
    "best_rule": best_songs.RULE,
    "pair_rule": side_by_side.RULE,
    "screening_means": MEANING,
    "sound_means": best_songs.SOUND_MEANS,
    "marks": MARKS,
    "min_copied_notes": copied_passages.MIN_NOTES,
}


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A page and its security policy, which it also contains."""

    html: str
    policy: str


def html_page(report: Report, *, embedded: bool = False, token: str | None = None) -> HtmlPage:
    """The report as one HTML page.

    embedded: the page contains its songs. token: the page is served and posts new findings with this token.
    """
    style = _read("report.css") + colour_rules(
        shown.plot for name, shown in report.plots.items() if name != "effects"
    )
    script = _read("report.js") + ("" if token is None else _read("findings.js"))
    # Chromium and Firefox disagree on whether 'self' includes files next to a page opened from the disk.
    own = "data:" if embedded else "'self' file: data:"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"img-src {own}",
            f"media-src {own}",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            *(() if token is None else ("connect-src 'self'",)),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    template = _environment(autoescape=True).get_template("report.html.j2")
    html = template.render(
        report=report,
        study=report.study,
        policy=policy,
        style=style,
        script=script,
        embedded=embedded,
        token=token,
        citable=citable_effects,
        criteria=CRITERIA,
        directions=DIRECTIONS,
        **_CONSTANTS,
    )
    return HtmlPage(html, policy)


def page_alone(html: str) -> str:
    """A written page without what it plays, shows or links from other files: a page for trackers."""
    return _LINK.sub(r"\1", _FROM_FILES.sub("", html))


def finding_item(finding: Finding) -> str:
    """A finding as HTML."""
    module = _environment(autoescape=True).get_template("notes.html.j2").module
    return str(module.finding_item(finding)).strip()  # pyright: ignore[reportAttributeAccessIssue]


def report_text(report: Report) -> str:
    """The report as Markdown, with links to its pictures and songs."""
    return markdown_of("report.md.j2", report)


def summary_text(report: Report) -> str:
    """The summary section alone, as Markdown."""
    return markdown_of("summary.md.j2", report)


def markdown_of(template: str, report: Report, **more: object) -> str:
    """Render a Markdown template with `report`, `study` and further variables."""
    loaded = _environment(autoescape=False).get_template(template)
    text = loaded.render(report=report, study=report.study, **_CONSTANTS, **more)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("musicgen.reporting"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": shown_number,
        "signed": lambda value: "–" if value is None or isnan(value) else signed(value),
        "clock": lambda seconds: f"{round(seconds) // 60}:{round(seconds) % 60:02d}",
        "level": lambda value: shown_level(level_of(value)),
        "oneline": lambda text: text.replace("\n", "↵"),
        "moment": _moment,
        "criterion": lambda name: CRITERIA[name].title if name in CRITERIA else name,
        "metric_title": metric_title,
        "metric_words": metric_words,
        "goal": goal,
        "arm_words": arm_words,
        "anchor": lambda song: anchor_of(song.run.record.run_id),
        "md": _markdown_text,
        "code": _markdown_code,
        "fence": _markdown_fence,
    }
    return environment


def _moment(date: str) -> str:
    """Such as "2026-11-24, 10:00 UTC"; only the date without a time zone."""
    moment = datetime.fromisoformat(date)
    return f"{moment:%Y-%m-%d}, {moment:%H:%M} UTC" if moment.tzinfo else f"{moment:%Y-%m-%d}"


def _markdown_text(text: object) -> str:
    """The text on one line, with every Markdown sign escaped."""
    return _MARKDOWN_SIGNS.sub(r"\\\1", " ".join(str(text).split()))


def _markdown_code(text: object) -> str:
    """The text on one line as Markdown code, whatever backticks it contains."""
    line = " ".join(str(text).split())
    fence = "`" * (_longest_ticks(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def _markdown_fence(lines: Sequence[str]) -> str:
    """Commands as a Markdown code block, whatever backticks they contain."""
    text = "\n".join(lines)
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"{fence}bash\n{text}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max((len(ticks) for ticks in re.findall("`+", text)), default=0)


def _read(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The source expression of an inline style or script in a security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
