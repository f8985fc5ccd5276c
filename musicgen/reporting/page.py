"""The report as files: report.html, which opens anywhere without the network, and report.md.

Tunes, titles and prompts are text that a network wrote. All of it is escaped by the templates; scores, whose
text comes from tunes, are shown as images, in which nothing runs; and the page's security policy lets nothing
run or load that is not the page's own.
"""

import base64
import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from musicgen.effects.effect import effects_frame, level_of, shown_level
from musicgen.effects.figures.style import metric_title
from musicgen.effects.verdict import metric_words
from musicgen.records.criteria import CRITERIA
from musicgen.records.findings import DIRECTIONS, Finding
from musicgen.records.runs import write_csv
from musicgen.reporting.answers import MARKS
from musicgen.reporting.board import FEWEST_BARS, GATES
from musicgen.reporting.board import RULE as BEST_RULE
from musicgen.reporting.contents import Choices, Contents, compose
from musicgen.reporting.material import Material
from musicgen.reporting.pairs import RULE as PAIR_RULE
from musicgen.reporting.players import FOLDER as SONGS
from musicgen.reporting.plots import colour_rules
from musicgen.reporting.portable import check_portable, portable_command, without_folders
from musicgen.reporting.rows import shown_number
from musicgen.reporting.shared import FEWEST_NOTES
from musicgen.system.files import filled_folder, write_text_atomically

PAGE, TEXT, PLOTS = "report.html", "report.md", "figures"
MADE_BY_A_REPORT = (PAGE, TEXT, PLOTS, "runs.csv", "effects.csv", SONGS)
_PACKAGE = "musicgen.reporting"
_EMBEDDED = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]*")
_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    page: Path
    contents: Contents


def write_folder(material: Material, folder: Path, choices: Choices) -> Written:
    """Write report.html, report.md and everything they show to the folder, which can be moved as a whole.

    An earlier report stays as it was until the new one is there.
    """
    with filled_folder(folder) as place:
        contents = compose(material, place, choices)
        (place / PLOTS).mkdir(exist_ok=True)
        for name, shown in contents.plots.items():
            write_text_atomically(place / PLOTS / f"{name}.svg", shown.plot.file)
        write_csv(material.runs, place / "runs.csv")
        write_csv(effects_frame(material.effects), place / "effects.csv")
        write_pages(contents, place)
    return Written(folder / PAGE, contents)


def write_pages(contents: Contents, folder: Path) -> None:
    """Write report.html and report.md anew, where everything that they show is in the folder already."""
    write_text_atomically(folder / TEXT, markdown(contents))
    write_text_atomically(folder / PAGE, page_of(contents).html)


def files_of(contents: Contents) -> list[str]:
    """Everything that the page in a folder shows or leads to, by its address there."""
    players = contents.players.values()
    songs = [address for one in players for address in (one.audio, one.score, one.midi) if address]
    return ["runs.csv", "effects.csv", *(f"{PLOTS}/{name}.svg" for name in contents.plots), *songs]


def write_single_file(material: Material, page: Path, choices: Choices) -> Written:
    """Write one HTML file that holds everything, the audio of the shown tunes included."""
    page.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        contents = compose(without_places(material), Path(folder), choices, embedded=True)
    html = page_of(contents, embedded=True).html
    check_portable(_EMBEDDED.sub("", html), str(page), [material.root])
    write_text_atomically(page, html)
    return Written(page, contents)


def without_places(material: Material) -> Material:
    """The material with no path of this machine in its words, for what is made to be given away."""
    return replace(
        material,
        commands=[portable_command(command) for command in material.commands],
        findings=[replace(one, text=without_folders(one.text)) for one in material.findings],
    )


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and its security policy, which stands in it too."""

    html: str
    policy: str


def page_of(contents: Contents, *, embedded: bool = False, token: str | None = None) -> Page:
    """The page.

    embedded: it holds its songs itself. token: it is served, and findings written in it are posted with this.
    """
    style = _read("report.css") + colour_rules(
        shown.plot for name, shown in contents.plots.items() if name != "effects"
    )
    script = _read("report.js") + ("" if token is None else _read("findings.js"))
    # Chromium and Firefox do not agree on whether 'self' means anything for a page from the disk.
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
        report=contents,
        study=contents.material,
        policy=policy,
        style=style,
        script=script,
        embedded=embedded,
        token=token,
        criteria=CRITERIA,
        directions=DIRECTIONS,
        **_WORDS,
    )
    return Page(html, policy)


def finding_item(finding: Finding) -> str:
    """A finding as the page shows it."""
    module = _environment(autoescape=True).get_template("notes.html.j2").module
    return str(module.finding_item(finding)).strip()  # pyright: ignore[reportAttributeAccessIssue]


def markdown(contents: Contents) -> str:
    """The text for a hand-in; its pictures and songs lie beside it."""
    return text_of("report.md.j2", contents)


def summary_text(contents: Contents) -> str:
    """The last part of it, which stands alone."""
    return text_of("summary.md.j2", contents)


def text_of(template: str, contents: Contents, **more: object) -> str:
    """A template of Markdown with the report as `report`, its material as `study`, and whatever is given."""
    text = (
        _environment(autoescape=False)
        .get_template(template)
        .render(report=contents, study=contents.material, **_WORDS, **more)
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


_WORDS = {
    "best_rule": BEST_RULE,
    "pair_rule": PAIR_RULE,
    "gates": GATES,
    "marks": MARKS,
    "fewest_bars": FEWEST_BARS,
    "fewest_shared": FEWEST_NOTES,
}


@cache
def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": shown_number,
        "clock": _clock,
        "level": lambda value: shown_level(level_of(value)),
        "oneline": _on_one_line,
        "moment": _moment,
        "criterion": lambda name: CRITERIA[name].title if name in CRITERIA else name,
        "metric_title": metric_title,
        "metric_words": metric_words,
        "md": _markdown_text,
        "code": _markdown_code,
        "fence": _markdown_fence,
    }
    return environment


def _clock(seconds: float | None) -> str:
    """Such as 0:27."""
    if seconds is None:
        return ""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def _moment(date: str) -> str:
    """Such as "2026-11-24, 10:00 UTC"."""
    moment = datetime.fromisoformat(date)
    return f"{moment:%Y-%m-%d}, {moment:%H:%M} UTC" if moment.tzinfo else f"{moment:%Y-%m-%d}"


def _on_one_line(text: str) -> str:
    """Line ends as signs."""
    return text.replace("\n", "↵")


def _markdown_text(text: object) -> str:
    """Any text on one line of Markdown, in which none of its signs means anything."""
    return _MARKDOWN_SIGNS.sub(r"\\\1", " ".join(str(text).split()))


def _markdown_code(text: object) -> str:
    """Any text on one line of Markdown as code, whatever backticks it holds."""
    line = " ".join(str(text).split())
    longest = max((len(ticks) for ticks in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def _markdown_fence(lines: Sequence[str]) -> str:
    """Commands as a block of Markdown, which no line of theirs ends, whatever backticks it holds."""
    text = "\n".join(lines)
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}bash\n{text}\n{fence}"


def _read(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """As a security policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
