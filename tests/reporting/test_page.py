"""The page and its text: what they say, that all is there, and that nothing in a tune becomes their part."""

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

from musicgen.records.ratings import COLUMNS, MEANS_COLUMNS
from musicgen.reporting.contents import Choices, compose
from musicgen.reporting.material import gather
from musicgen.reporting.page import markdown, write_folder, write_single_file
from tests.records.made_runs import LOSS, made_run
from tests.reporting.written_study import GOOD, HOSTILE_TITLE, write_run, write_study


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


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    write_folder(gather([study_folder]), out, Choices(pairs=1, best=2))
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return read(folder / "report.html")


def test_text_of_tunes_and_studies_stays_text(page: Page) -> None:
    assert HOSTILE_TITLE in page.text and "Does <b>anything</b> help?" in page.text
    assert len(page.all("script")) == 1
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert "x" not in [attributes.get("src") for attributes in page.all("img")]


def test_the_policy_lets_only_the_page_itself_run(page: Page, folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]


def test_a_missing_run_and_a_changed_corpus_are_told(study_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "study"
    shutil.copytree(study_folder, root)
    (root / "plan.csv").write_text("directory,seed\nbaseline/seed=9,9\n")
    record = next(root.rglob("run.json"))
    record.write_text(record.read_text().replace('"sha256": "0"', '"sha256": "1"'))
    write_folder(gather([root]), tmp_path / "out", Choices(pairs=0, best=0))
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for told in (page, text.replace("\\", "")):
        assert "baseline seed=9 missing: planned, but it left no run.json (baseline/seed=9)" in told
        assert "the corpus oneills changed between runs" in told
    assert "missing" in (tmp_path / "out" / "runs.csv").read_text(encoding="utf-8")


def test_runs_that_differ_in_what_they_do_not_declare_are_named(study_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "study"
    shutil.copytree(study_folder, root)
    changed = [path for path in root.rglob("run.json") if json.loads(path.read_text())["change"]]
    record = json.loads(changed[0].read_text())
    record["config"]["model"]["hidden_size"] = 7
    changed[0].write_text(json.dumps(record))
    write_folder(gather([root]), tmp_path / "out", Choices(pairs=0, best=0))
    line = "1 run not compared: the config differs from the baseline's in undeclared parameters"
    for name in ("report.md", "report.html"):
        told = html.unescape((tmp_path / "out" / name).read_text(encoding="utf-8")).replace("\\", "")
        assert line in told and "model.hidden_size" in told


def test_everything_that_the_page_shows_lies_beside_it(page: Page, folder: Path) -> None:
    addresses = [
        attributes[name] for _, attributes in page.elements for name in ("src", "href") if name in attributes
    ]
    for address in addresses:
        assert address is not None
        assert address.startswith("#") or (folder / address).is_file(), address
    assert sum(str(address).endswith(".mp3") for address in addresses) >= 4


def test_links_inside_the_page_lead_somewhere_and_names_are_given_once(page: Page) -> None:
    names = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert max(names.values()) == 1
    inside = [attributes["href"] for attributes in page.all("a") if str(attributes["href"]).startswith("#")]
    assert inside and {str(link)[1:] for link in inside} <= {str(name) for name in names}


def test_who_cannot_see_is_told(page: Page) -> None:
    assert all(image.get("alt") for image in page.all("img"))
    assert all(audio.get("aria-label") for audio in page.all("audio"))
    tables = len(page.all("table"))
    assert tables and len(page.all("caption")) == tables
    assert [len(page.all(tag)) for tag in ("main", "nav", "header", "footer", "h1")] == [1] * 5
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for svg in page.all("svg"):
        assert (svg.get("role") == "img" and svg.get("aria-label")) or svg.get("aria-hidden") or not svg


def test_the_answer_the_failures_and_the_summary_are_told(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "Validation loss is better with model.cell = gru." in text
    assert "1 of 9 runs did not complete." in text and "it diverged" in text
    assert "Not rated." in text
    assert "What to try next" in text and "study.combine" not in text
    sections = [attributes.get("id") for attributes in page.all("section")]
    assert sections == ["answer", "effects", "listen", "best", "curves", "runs", "heard", "again", "summary"]


def test_passages_stand_side_by_side_with_their_fields_and_marks(page: Page, folder: Path) -> None:
    passages = [attributes for attributes in page.all("figure") if attributes.get("class") == "passage"]
    assert len(passages) >= 2 and len(passages) % 2 == 0
    assert "In this song" in page.text and "In the training tune" in page.text
    assert f"nearest training tune {HOSTILE_TITLE}: 12 notes in a row" in page.text
    assert f'M:2/4\nL:1/8\nK:C\nFE|"{HOSTILE_TITLE}"CD EF|GA Bc|cB AG|EE' in page.text
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<mark>CDEF GABc|cBAG</mark> FEDC</code>" in html
    assert "<mark>CD EF|GA Bc|cB AG</mark>|EE</code>" in html


def test_where_nothing_matches_the_longest_run_is_told(page: Page) -> None:
    text = " ".join(page.text.split())
    assert (
        "no passage of 8 notes or more in common with a training tune; the nearest is The Fox Chase: "
        "5 notes in a row in common at most, as written (7 in any key)"
    ) in text


def test_every_run_is_in_the_table(page: Page) -> None:
    assert page.text.count("seed=") >= 9
    assert len([row for row in page.all("tr") if row.get("class") == "failed"]) == 1


def test_the_same_study_gives_the_same_page(study_folder: Path, folder: Path, tmp_path: Path) -> None:
    write_folder(gather([study_folder]), tmp_path, Choices(pairs=1, best=2))
    for name in ("report.html", "report.md", "runs.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_no_folder_of_this_machine_is_told(folder: Path, study_folder: Path) -> None:
    for path in (*folder.glob("report.*"), folder / "runs.csv"):
        assert str(study_folder.parent) not in path.read_text(encoding="utf-8")


def test_markdown_holds_titles_as_text_and_links_to_files(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    # In code nothing means anything.
    outside_code = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<script>" not in outside_code.replace("\\<", "")
    links = re.findall(r"\]\(((?:songs|figures)/[^)]+)\)", text)
    assert links and all((folder / link).is_file() for link in links)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    assert all(
        width == before
        for row, before, width in zip(rows[1:], widths, widths[1:], strict=False)
        if "---" in row
    )
    assert "## Summary" in text and "**What to try next.**" in text


def test_a_single_file_refers_to_nothing_outside(study_folder: Path, tmp_path: Path) -> None:
    written = write_single_file(gather([study_folder]), tmp_path / "one.html", Choices(pairs=1, best=1))
    page = read(written.page)
    addresses = [
        str(attributes[name])
        for _, attributes in page.elements
        for name in ("src", "href")
        if name in attributes
    ]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert [path.name for path in tmp_path.iterdir()] == ["one.html"]


def report_of(folder: Path, out: Path) -> str:
    write_folder(gather([folder]), out, Choices())
    return " ".join(read(out / "report.html").text.split())


def test_a_single_run_says_that_there_is_nothing_to_compare(tmp_path: Path) -> None:
    write_run(made_run("run", metrics={LOSS: 1.5}), tmp_path / "runs", [(GOOD, {})])
    text = report_of(tmp_path / "runs", tmp_path / "out")
    assert "This is one run, so there is no effect to tell." in text
    assert "What does this one run give?" in text and "1.500" in text
    assert "Change one thing and run three seeds" in text


def test_a_killed_run_without_anything_says_so(tmp_path: Path) -> None:
    write_run(made_run("run", status="running"), tmp_path / "runs")
    (tmp_path / "runs" / "run" / "history.csv").write_text("")
    text = report_of(tmp_path / "runs", tmp_path / "out")
    assert "running or killed" in text and "No run here has sampled a tune" in text
    assert "The baseline has no metrics: it did not complete." in text


def test_one_seed_gives_candidates(tmp_path: Path) -> None:
    write_study(tmp_path / "study")
    for seed in (1, 2):
        for directory in (tmp_path / "study").glob(f"*/seed={seed}"):
            shutil.rmtree(directory)
    text = report_of(tmp_path / "study", tmp_path / "out")
    assert "A candidate" in text and "rested on one seed" in text


def test_what_people_heard_stands_in_the_report(tmp_path: Path) -> None:
    root = write_study(tmp_path / "study")
    (root / "findings.jsonl").write_text(
        '{"date": "2026-11-24", "run_id": "'
        + "10" * 8
        + '", "training_id": "t", "directory": "d", "text": "<i>lively</i>", '
        '"ratings": {"musicality": 4}, "effect": null, "author": "Ann"}\n'
    )
    (root / "listening.csv").write_text(
        f"{','.join(MEANS_COLUMNS)}\nbaseline,musicality,3.5,3.1,3.9,24,2,12,3\n"
    )
    rating = f"Ann,t,{'00' * 8},baseline,0,1,musicality,5,False,,1,2026-11-24"
    (root / "ratings.csv").write_text(f"{','.join(COLUMNS)}\n{rating}\n")
    contents = compose(gather([root]), tmp_path / "songs", Choices(pairs=0, best=1))
    assert contents.best[0].rating == 5 and contents.best[0].song.index == 1
    text = markdown(contents)
    assert "\\<i\\>lively\\</i\\>; Musicality 4" in text and "model.cell = gru, seed 0" in text
    assert "| baseline | musicality | 3.5 | 3.1 to 3.9 | 24 | 2 |" in text and "Not rated" not in text
