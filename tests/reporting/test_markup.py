"""The page and its Markdown: what they say, that every link resolves, and that tunes cannot inject markup."""

import base64
import hashlib
import html
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from musicgen.records.destination import CONFIRMATION
from musicgen.records.ratings import COLUMNS, MEANS_COLUMNS
from musicgen.reporting.markup import html_page, page_alone, report_text
from musicgen.reporting.report import ReportOptions, make_report
from musicgen.reporting.report_files import write_folder, write_single_file
from musicgen.reporting.study_data import read_study
from tests.records.made_runs import LOSS, made_run
from tests.reporting.written_study import GOOD, HOSTILE_TITLE, WRONG, write_run, write_study

NO_SONGS = ReportOptions(pairs=0, best=0)


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def all(self, tag: str) -> list[Mapping[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def addresses(self) -> list[str]:
        """Everything that the page shows or links to."""
        return [
            str(attributes[name])
            for _, attributes in self.elements
            for name in ("src", "href")
            if name in attributes
        ]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    write_folder(read_study([study_folder]), out, ReportOptions(pairs=1, best=2))
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return read(folder / "report.html")


@pytest.fixture
def copy(study_folder: Path, tmp_path: Path) -> Path:
    """A study that a test may change."""
    return shutil.copytree(study_folder, tmp_path / "study")


def test_markup_in_tunes_and_studies_is_shown_as_text(page: Page) -> None:
    assert HOSTILE_TITLE in page.text and "Does <b>anything</b> help?" in page.text
    assert len(page.all("script")) == 1
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert "x" not in [attributes.get("src") for attributes in page.all("img")]


def test_the_policy_allows_only_the_pages_own_script_and_style(page: Page, folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for _, attributes in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def pages_of(study: Path, out: Path) -> list[str]:
    """The text of report.html and report.md, without escapes."""
    write_folder(read_study([study]), out, NO_SONGS)
    texts = ((out / name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    return [html.unescape(text).replace("\\", "") for text in texts]


def test_missing_runs_and_changed_corpora_are_reported(copy: Path, tmp_path: Path) -> None:
    (copy / "plan.csv").write_text("directory,seed\nbaseline/seed=9,9\n")
    record = next(copy.rglob("run.json"))
    record.write_text(record.read_text().replace('"sha256": "0"', '"sha256": "1"'))
    for text in pages_of(copy, tmp_path / "out"):
        assert "baseline, seed 9 missing" in text and "(baseline/seed=9)" in text
        assert re.search("the corpus oneills .*changed", text)
    assert "missing" in (tmp_path / "out" / "runs.csv").read_text(encoding="utf-8")


def test_undeclared_differences_are_reported(copy: Path, tmp_path: Path) -> None:
    changed = [path for path in copy.rglob("run.json") if json.loads(path.read_text())["change"]]
    record = json.loads(changed[0].read_text())
    record["config"]["model"]["hidden_size"] = 7
    changed[0].write_text(json.dumps(record))
    for text in pages_of(copy, tmp_path / "out"):
        assert "1 run not compared" in text and "model.hidden_size" in text


def test_warnings_of_runs_are_reported(copy: Path, tmp_path: Path) -> None:
    path = next(copy.rglob("run.json"))
    record = json.loads(path.read_text())
    record["warnings"] = [f"the network memorises {number} tunes" for number in range(7)]
    path.write_text(json.dumps(record))
    for text in pages_of(copy, tmp_path / "out"):
        assert f"{path.parent.relative_to(copy)}: the network memorises 4 tunes" in text
        assert "memorises 5 tunes" not in text and "and 2 more warnings" in text


def test_every_link_of_the_page_resolves(page: Page, folder: Path) -> None:
    names = Counter(str(attributes["id"]) for _, attributes in page.elements if "id" in attributes)
    assert max(names.values()) == 1
    inside = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inside and inside <= set(names)
    files = [address for address in page.addresses if not address.startswith("#")]
    assert all((folder / address).is_file() for address in files)
    assert sum(address.endswith(".mp3") for address in files) >= 4


def test_everything_has_a_text_alternative(page: Page) -> None:
    assert all(image.get("alt") for image in page.all("img"))
    assert all(audio.get("aria-label") for audio in page.all("audio"))
    tables = len(page.all("table"))
    assert tables and len(page.all("caption")) == tables
    assert [len(page.all(tag)) for tag in ("main", "nav", "header", "footer", "h1")] == [1] * 5
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for svg in page.all("svg"):
        assert (svg.get("role") == "img" and svg.get("aria-label")) or svg.get("aria-hidden") or not svg


def test_the_page_has_answer_failures_runs_and_summary(page: Page) -> None:
    assert "Validation loss is clearly better with cell=gru." in page.words
    assert "1 of 9 runs did not complete." in page.words and "it diverged" in page.words
    assert "Not rated." in page.words
    assert "What to try next" in page.words and "study.combine" not in page.words
    sections = [attributes.get("id") for attributes in page.all("section")]
    assert sections == ["answer", "effects", "listen", "best", "curves", "runs", "heard", "again", "summary"]
    assert page.text.count("seed=") >= 9
    assert len([row for row in page.all("tr") if row.get("class") == "failed"]) == 1


def test_passages_are_side_by_side_with_their_marks(page: Page, folder: Path) -> None:
    passages = [attributes for attributes in page.all("figure") if attributes.get("class") == "passage"]
    assert len(passages) >= 2 and len(passages) % 2 == 0
    assert "In this song" in page.text and "In the training tune" in page.text
    assert f"nearest training tune {HOSTILE_TITLE}: at most 12 notes in a row" in page.text
    assert f'M:2/4\nL:1/8\nK:C\nFE|"{HOSTILE_TITLE}"CD EF|GA Bc|cB AG|EE' in page.text
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<mark>CDEF GABc|cBAG</mark> FEDC</code>" in html
    assert "<mark>CD EF|GA Bc|cB AG</mark>|EE</code>" in html
    assert (
        "no passage of 8 notes or more in common with a training tune; the nearest is The Fox Chase: "
        "at most 5 notes in a row in common, as written (7 in any key)"
    ) in page.words


def test_the_same_study_gives_the_same_page(study_folder: Path, folder: Path, tmp_path: Path) -> None:
    write_folder(read_study([study_folder]), tmp_path, ReportOptions(pairs=1, best=2))
    for name in ("report.html", "report.md", "runs.csv"):
        text = (tmp_path / name).read_bytes()
        assert text == (folder / name).read_bytes()
        assert str(study_folder.parent).encode() not in text


def test_markdown_escapes_titles_and_links_to_files(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    # Markdown signs mean nothing inside code.
    outside_code = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<script>" not in outside_code.replace("\\<", "")
    links = re.findall(r"\]\(((?:songs|figures)/[^)]+)\)", text)
    assert links and all((folder / link).is_file() for link in links)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    assert all(
        after == before
        for row, (before, after) in zip(rows[1:], pairwise(widths), strict=True)
        if "---" in row
    )
    assert "## Summary" in text and "**What to try next.**" in text


def test_a_single_file_refers_to_nothing_outside(study_folder: Path, tmp_path: Path) -> None:
    options = ReportOptions(pairs=1, best=1)
    written = write_single_file(read_study([study_folder]), tmp_path / "one.html", options)
    assert all(address.startswith(("#", "data:")) for address in read(written.page).addresses)
    assert [path.name for path in tmp_path.iterdir()] == ["one.html"]


def report_words(folder: Path, out: Path) -> str:
    write_folder(read_study([folder]), out, ReportOptions())
    return read(out / "report.html").words


def test_the_report_of_a_single_run_has_nothing_to_compare(tmp_path: Path) -> None:
    write_run(made_run("run", metrics={LOSS: 1.5}), tmp_path / "runs", [(GOOD, {})])
    text = report_words(tmp_path / "runs", tmp_path / "out")
    assert "This is one run, so no effect can be reported." in text
    assert "What did this run produce?" in text and "1.500" in text
    assert "Change one thing and run three seeds" in text


def test_the_report_of_a_killed_run_says_what_is_missing(tmp_path: Path) -> None:
    write_run(made_run("run", status="running"), tmp_path / "runs")
    (tmp_path / "runs" / "run" / "history.csv").write_text("")
    text = report_words(tmp_path / "runs", tmp_path / "out")
    assert "running or killed" in text and "No run has sampled a tune" in text
    assert "The baseline has no metrics: it did not complete." in text


def test_one_seed_gives_candidates(copy: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        for directory in copy.glob(f"*/seed={seed}"):
            shutil.rmtree(directory)
    text = report_words(copy, tmp_path / "out")
    assert "One seed" in text and "rested on one seed" in text


def test_the_report_shows_ratings_and_findings(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study")
    finding = {
        "date": "2026-11-24",
        "run_id": "10" * 8,
        "training_id": "t",
        "directory": "d",
        "author": "Ann",
    }
    finding |= {"text": "<i>lively</i>", "ratings": {"musicality": 4}, "effect": None}
    (root / "findings.jsonl").write_text(json.dumps(finding) + "\n")
    means = "baseline,musicality,3.5,3.1,3.9,24,2,12,3"
    (root / "listening.csv").write_text(f"{','.join(MEANS_COLUMNS)}\n{means}\n")
    rating = f"Ann,t,{'00' * 8},baseline,0,1,musicality,5,False,,1,2026-11-24"
    (root / "ratings.csv").write_text(f"{','.join(COLUMNS)}\n{rating}\n")
    report = make_report(read_study([root]), tmp_path / "songs", ReportOptions(pairs=0, best=1))
    assert report.best[0].rating == 5 and report.best[0].song.index == 1
    text = report_text(report)
    assert "\\<i\\>lively\\</i\\>; Musicality 4" in text and "cell=gru, seed 0" in text
    assert "| baseline | musicality | 3.5 | 3.1 to 3.9 | 24 | 2 |" in text and "Not rated" not in text


def test_without_a_sound_tune_none_is_called_best(tmp_path: Path) -> None:
    run = made_run("run")
    run.record.draws = "0 of 2 draws kept: sound; 8 were wanted, but max_draws is 2"
    write_run(run, tmp_path / "runs", [(WRONG, {"kept": False}), (GOOD[:-4] + "D4|]", {"kept": False})])
    report = make_report(read_study([tmp_path / "runs"]), tmp_path / "songs", ReportOptions(pairs=0, best=2))
    assert report.best == [] and " · 2 tunes sampled, 0 of them kept · " in report.facts
    none = "None of the 2 sampled tunes is sound, so none is shown as one of the best."
    page, text = Page(html_page(report).html), report_text(report)
    assert page.words.count(none) == 2 and "These are the best" not in page.words
    assert "not sound: ends on D, not on the tonic C" in page.words
    assert text.count(none) == 2
    for words in (page.words, text.replace("\\", "")):
        assert f"defaults, seed 0: {run.record.draws}" in words


def test_songs_of_a_sweep_of_seeds_are_of_the_baseline(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(made_run(f"baseline/seed={seed}", seed=seed), tmp_path / "runs", [(GOOD, {})])
    report = make_report(read_study([tmp_path / "runs"]), tmp_path / "songs", ReportOptions(pairs=0, best=2))
    assert report.place(report.best[0].song) == "baseline, seed 0, tune 0"


def test_sound_tunes_come_with_their_marks(tmp_path: Path) -> None:
    run = made_run("run")
    write_run(run, tmp_path / "runs", [(GOOD, {"longest_transposed_copy": 16}), (WRONG, {})])
    report = make_report(read_study([tmp_path / "runs"]), tmp_path / "songs", ReportOptions(pairs=0, best=2))
    marks = "copies 16 notes or more, no form, section ends fit, long last note, 0.50 of its bars repeat"
    assert f"sound: {marks}" in Page(html_page(report).html).words
    assert marks in report_text(report).replace("\\", "")


def test_a_first_stage_has_a_section_and_no_verdict(tmp_path: Path) -> None:
    write_study(tmp_path, stages={"confirm": 1, "seeds": 3})
    write_study(tmp_path / CONFIRMATION, first_seed=3, stages=None)
    report = make_report(read_study([tmp_path]), tmp_path / "report", NO_SONGS)
    answer, _, screening = report_text(report).split("## Runs")[0].partition("## Screening")
    assert ", 3 seeds" in answer and "screening" not in answer
    rows = [line for line in screening.splitlines() if line.startswith(("| cell", "| learning"))]
    assert rows == [
        r"| cell=gru | −0.19 | 0 | 16 | validation loss better, 3/3 seeds | yes |",
        r"| learning\_rate=0.02 | \+0.01 | 0 | 0.87 | validation loss worse, 1/2 seeds | yes |",
    ]
    page = Page(html_page(report).html)
    assert {"id": "screening", "aria-labelledby": "screening-title"} in page.all("section")
    assert "2 of 18 runs did not complete" in page.text


def test_a_page_for_trackers_needs_no_other_file(folder: Path) -> None:
    whole = (folder / "report.html").read_text(encoding="utf-8")
    alone = page_alone(whole)
    assert "<audio" in whole and "<audio" not in alone and len(alone) < len(whole)
    assert [address for address in Page(alone).addresses if not address.startswith(("#", "data:"))] == []
    assert "runs.csv and effects.csv have all columns" in " ".join(Page(alone).text.split())
