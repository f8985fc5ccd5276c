"""The report on the loopback address, with a field in it that writes findings into their log.

It serves the page and the files that the page shows, and nothing else that lies in their folder.
"""

import mimetypes
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
from musicgen.reporting.contents import Contents
from musicgen.reporting.material import with_findings_of_now
from musicgen.reporting.notebook import citable, count_words
from musicgen.reporting.page import PAGE, files_of, finding_item, page_of
from musicgen.system.web_server import Answer, Content, LoopbackServer, RefusedError

_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""Of a drawing opened by itself: it may have its own looks, and runs nothing."""


class ReportServer(LoopbackServer):
    """Serves a report that was written to a folder."""

    max_post_bytes = 65_536

    def __init__(self, contents: Contents, folder: Path, port: int) -> None:
        """folder: where the report lies. Raises InputError where the port is taken; 0 takes any free one."""
        self._contents = contents
        self._files = {f"/{quote(name)}": folder / name for name in files_of(contents)}
        self._runs = {run.record.run_id: run for run in reversed(contents.material.all_runs)}
        self._citable = citable(contents.material)
        self.added: list[tuple[FoundRun, Finding]] = []
        """What was written down since the start."""
        super().__init__(port)

    def contents_of_now(self) -> Contents:
        """The report with the findings that the logs hold now."""
        return replace(self._contents, material=with_findings_of_now(self._contents.material))

    def content(self, path: str) -> Content | None:
        """The page with its fields, and the files that it shows."""
        if path in ("/", f"/{PAGE}"):
            page = page_of(self.contents_of_now(), token=self.token)
            policy = f"{page.policy}; frame-ancestors 'none'"
            return Content(page.html.encode(), "text/html; charset=utf-8", policy)
        file = self._files.get(path)
        if file is None or not file.is_file():
            return None
        kind = mimetypes.types_map.get(file.suffix, "application/octet-stream")
        if kind == "image/svg+xml":
            return Content(file.read_bytes(), kind, _PICTURE_POLICY)
        return Content(file.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)

    def answers(self) -> Mapping[str, Answer]:
        """What the page asks for."""
        return {"/api/finding": self._add}

    def _add(self, question: Mapping[str, object]) -> dict[str, object]:
        """{run_id, text, ratings, effect, author} -> {item, number, count, log}: it is on the disk."""
        run_id, text, author = (question.get(name) for name in ("run_id", "text", "author"))
        run = self._runs.get(run_id) if isinstance(run_id, str) else None
        if run is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "This report has no such run.")
        if not isinstance(text, str) or not isinstance(author, str | None):
            raise InputError("a finding has a text, and may have an author's name")
        ratings, effect = _ratings(question.get("ratings")), self._effect(question.get("effect"))
        if RunRecord.read(run.directory).run_id != run_id:
            raise InputError(f"{run.directory} holds another run by now: make the report anew")
        finding, log = add_finding(run.directory, text, ratings, effect, author)
        self.added.append((run, finding))
        findings = with_findings_of_now(self._contents.material).findings
        number = sum(one.run_id == run_id for one in findings)
        return {
            "item": finding_item(finding),
            "number": number,
            "count": count_words(number),
            "log": str(log) if not log.is_absolute() else log.name,
        }

    def _effect(self, told: object) -> CitedEffect | None:
        """One of the study's; None where none is cited."""
        if told is None:
            return None
        if not isinstance(told, Mapping):
            raise InputError("an effect is a parameter, a metric and a direction")
        parameter, metric, direction = (told.get(name) for name in ("parameter", "metric", "direction"))
        known = [name for name, _ in self._citable.metrics]
        if parameter not in self._citable.parameters or metric not in known:
            raise InputError("an effect needs one of this study's parameters and one of its metrics")
        return CitedEffect.parse(f"{parameter},{metric},{direction}")


def _ratings(told: object) -> dict[str, int]:
    """Criterion -> point, checked."""
    if told is None:
        return {}
    if not isinstance(told, Mapping):
        raise InputError("ratings are criteria with a point each")
    return {str(name): check_point(str(name), point) for name, point in told.items()}
