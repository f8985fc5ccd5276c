"""The report on the loopback address, with a form that adds findings to their log.

It serves the page and the files that the page shows, and no other file of their folder.
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from musicgen.errors import InputError
from musicgen.records.criteria import check_point
from musicgen.records.findings import CitedEffect, Finding, add_finding
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun
from musicgen.reporting.markup import finding_item, html_page
from musicgen.reporting.report import Report
from musicgen.reporting.report_files import PAGE, WrittenReport, files_of, write_pages
from musicgen.reporting.run_findings import citable_effects, count_words
from musicgen.reporting.study_data import with_current_findings
from musicgen.run.additions import track_finding
from musicgen.system.web_server import Answer, Content, LoopbackServer, RefusedError, file_content


def serve_report(written: WrittenReport, port: int) -> None:
    """Serve the report until a signal; then add the new findings to its files and to Comet."""
    folder = written.page.parent
    server = ReportServer(written.report, folder, port)
    print("Ctrl-C stops the server; every finding is saved at once")
    try:
        server.serve_until_interrupted()
    finally:
        if server.added:
            write_pages(server.current_report(), folder)
        for run, finding in server.added:
            track_finding(run.record, run.directory, finding)


class ReportServer(LoopbackServer):
    """Serves a report that was written to a folder."""

    max_post_bytes = 65_536

    def __init__(self, report: Report, folder: Path, port: int) -> None:
        """folder: where the report is. Raises InputError if the port is taken; 0 takes any free one."""
        self._report = report
        self._files = {f"/{quote(name)}": folder / name for name in files_of(report)}
        self._runs = {run.record.run_id: run for run in reversed(report.study.all_runs)}
        self._citable = citable_effects(report.study)
        self.added: list[tuple[FoundRun, Finding]] = []
        """The findings added since the start."""
        super().__init__(port)

    def current_report(self) -> Report:
        """The report with the findings that the logs hold now."""
        return replace(self._report, study=with_current_findings(self._report.study))

    def content(self, path: str) -> Content | None:
        """The page with the findings of now, and the files that it shows."""
        if path in ("/", f"/{PAGE}"):
            page = html_page(self.current_report(), token=self.token)
            policy = f"{page.policy}; frame-ancestors 'none'"
            return Content(page.html.encode(), "text/html; charset=utf-8", policy)
        file = self._files.get(path)
        return file_content(file) if file is not None and file.is_file() else None

    def answers(self) -> Mapping[str, Answer]:
        """What the page posts: findings."""
        return {"/api/finding": self._add}

    def _add(self, question: Mapping[str, object]) -> dict[str, object]:
        """{run_id, text, ratings, effect, author} -> {item, number, count, log}, once saved."""
        run_id, text, author = (question.get(name) for name in ("run_id", "text", "author"))
        run = self._runs.get(run_id) if isinstance(run_id, str) else None
        if run is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "This report has no such run.")
        if not isinstance(text, str) or not isinstance(author, str | None):
            raise InputError("a finding needs a text; the author's name is optional")
        ratings, effect = _ratings(question.get("ratings")), self._effect(question.get("effect"))
        if RunRecord.read(run.directory).run_id != run_id:
            raise InputError(f"{run.directory} now holds another run: write the report again")
        finding, log = add_finding(run.directory, text, ratings, effect, author)
        self.added.append((run, finding))
        findings = with_current_findings(self._report.study).findings
        number = sum(one.run_id == run_id for one in findings)
        return {
            "item": finding_item(finding),
            "number": number,
            "count": count_words(number),
            "log": str(log) if not log.is_absolute() else log.name,
        }

    def _effect(self, cited: object) -> CitedEffect | None:
        """The cited effect, which must be one of the study's; None without a citation."""
        if cited is None:
            return None
        if not isinstance(cited, Mapping):
            raise InputError("an effect has a parameter, a metric and a direction")
        parameter, metric, direction = (cited.get(name) for name in ("parameter", "metric", "direction"))
        known = [name for name, _ in self._citable.metrics]
        if parameter not in self._citable.parameters or metric not in known:
            raise InputError("an effect needs one of this study's parameters and one of its metrics")
        return CitedEffect.parse(f"{parameter},{metric},{direction}")


def _ratings(given: object) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError("ratings are criteria with one point each")
    return {str(name): check_point(str(name), point) for name, point in given.items()}
