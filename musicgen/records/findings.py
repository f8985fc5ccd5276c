"""The findings log: what someone heard or saw in a run, with the date and the run's identity.

The log has one JSON object per line and is only appended to. It is `experiments/<study>/findings.jsonl` for
runs of a declared study, and findings.jsonl in the directory of the sweep or run otherwise. A finding may
cite an effect; `compare` reports if later runs do not show that effect.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from musicgen.errors import InputError, first_problem
from musicgen.records.criteria import check_point
from musicgen.records.destination import MARK_OF_A_SWEEP
from musicgen.records.record import RunRecord
from musicgen.records.runs import PLAN, FoundRun, sweep_directory
from musicgen.system.files import append_whole, read_whole, refuse_link, write_text_atomically
from musicgen.system.locks import lock_beside, locked

FILE_NAME = "findings.jsonl"
EXPERIMENTS = Path("experiments")
"""Where declared studies keep what is worth committing, relative to the working directory."""
MAX_LOG_BYTES = 2**26
DIRECTIONS = ("raises", "lowers")
_SWEEP_FILES = (PLAN, MARK_OF_A_SWEEP)


@dataclass(frozen=True, slots=True)
class CitedEffect:
    """An effect that a finding rests on."""

    parameter: str
    metric: str
    direction: str
    """One of DIRECTIONS."""

    @classmethod
    def parse(cls, text: str) -> "CitedEffect":
        """Parse a text such as "model.cell,validity/tune_rate,raises"; raises InputError."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 3 or not all(parts) or parts[2] not in DIRECTIONS:
            raise InputError(
                f"effect {text!r}: PARAMETER,METRIC,DIRECTION is needed, the direction one of "
                f"{', '.join(DIRECTIONS)}, such as model.cell,validity/tune_rate,raises"
            )
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the log, in the order of its fields."""

    date: str
    """UTC, ISO 8601."""
    run_id: str
    training_id: str
    directory: str
    """The run's directory, as it was given."""
    text: str
    ratings: Mapping[str, int]
    """Criterion -> point, for the criteria that were rated."""
    effect: CitedEffect | None
    author: str | None


def findings_path(run: FoundRun) -> Path:
    """The log for findings about the run."""
    if study := run.setting("study.name"):
        return EXPERIMENTS / str(study) / FILE_NAME
    directory = run.directory.resolve()
    sweeps = (one for one in directory.parents if any((one / name).is_file() for name in _SWEEP_FILES))
    return next(sweeps, directory) / FILE_NAME


def add_finding(
    run_directory: Path,
    text: str,
    ratings: Mapping[str, int] | None = None,
    effect: CitedEffect | None = None,
    author: str | None = None,
) -> tuple[Finding, Path]:
    """Append a finding about the run to its log; returns the finding and the log's path.

    The whole line is on disk when this returns, even if others write at the same time. Without locks
    (paths.locks of the run) this needs a file system that appends atomically. Raises InputError if the
    directory is not a run directory, or the text or a rating is invalid.
    """
    run = FoundRun(run_directory, RunRecord.read(run_directory))
    text = _checked_text(text)
    points = {criterion: check_point(criterion, point) for criterion, point in (ratings or {}).items()}
    now = datetime.now(UTC).isoformat()
    record = run.record
    finding = Finding(
        now, record.run_id, record.training_id, str(run_directory), text, points, effect, author
    )
    line = json.dumps(asdict(finding), ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError as error:
        # Half a surrogate pair can come from JSON or a command line, but cannot be written to a file.
        raise InputError("the finding contains invalid UTF-8") from error
    path = findings_path(run)
    refuse_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _append(path, line, locks=run.record.has_locks)
    return finding, path


def _checked_text(text: str) -> str:
    text = text.strip()
    if not text:
        raise InputError("the finding is empty: what did you hear or see?")
    return text


def _append(path: Path, line: str, *, locks: bool) -> None:
    with locked(lock_beside(path), locks=locks), path.open("ab+", buffering=0) as file:
        # A power failure may have left part of an earlier line, which this one must not continue.
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            line = f"\n{line}"
        append_whole(file, path, f"{line}\n".encode())
        os.fsync(file.fileno())


def keep_findings(findings: Sequence[Finding], path: Path) -> None:
    """Add these findings to a log and rewrite it: each finding once, oldest first.

    Without findings the log is not touched. Raises InputError for a line of the log that is not a finding.
    """
    if not findings:
        return
    with locked(lock_beside(path)):
        write_text_atomically(path, findings_text(merged_findings(findings, path)))


def merged_findings(findings: Sequence[Finding], path: Path) -> list[Finding]:
    """The findings of a log and these, each once, oldest first; raises like `read_findings`."""
    kept = {(one.date, one.run_id, one.text): one for one in [*read_findings([path]), *findings]}
    return sorted(kept.values(), key=lambda one: one.date)


def findings_text(findings: Sequence[Finding]) -> str:
    """The findings as lines of a log."""
    return "".join(f"{json.dumps(asdict(one), ensure_ascii=False)}\n" for one in findings)


def read_findings(paths: Sequence[Path]) -> list[Finding]:
    """Every finding in these logs, and in all logs below these folders, oldest first.

    Paths that do not exist are skipped. Raises InputError for a line that is not a finding.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = sorted(path.rglob(FILE_NAME)) if path.is_dir() else [path]
        # The name is not resolved, so that reading refuses a link.
        files |= {file.parent.resolve() / file.name: None for file in found if file.is_file()}
    findings = [
        _read_line(line, f"{file}:{number}")
        for file in files
        for number, line in enumerate(_lines(file), start=1)
        if line.strip()
    ]
    return sorted(findings, key=lambda finding: finding.date)


def _lines(file: Path) -> list[str]:
    # Not splitlines, since a text may contain other line separators.
    return read_whole(file, MAX_LOG_BYTES, follows_links=False).decode("utf-8", errors="replace").split("\n")


def _read_line(line: str, place: str) -> Finding:
    try:
        finding = TypeAdapter(Finding).validate_json(line, strict=True)
        datetime.fromisoformat(finding.date)
    except ValidationError as error:
        raise InputError(f"{place}: is not a finding: {first_problem(error)}") from error
    except ValueError as error:
        raise InputError(f"{place}: is not a finding: date: {error}") from error
    return finding


def findings_of(runs: Sequence[FoundRun], folder: Path | None = None) -> list[Finding]:
    """The findings about these runs, each once, oldest first.

    They are read from the logs of the runs, from logs in the directories of the runs and their sweeps, and
    from `folder`.
    """
    known = {run.record.run_id for run in runs}
    folders = [*(run.directory for run in runs), *map(sweep_directory, runs)]
    if folder is not None:
        folders.append(folder)
    logs = dict.fromkeys([*map(findings_path, runs), *(place / FILE_NAME for place in folders)])
    findings: list[Finding] = []
    for finding in read_findings(list(logs)):
        # A copied study may have its log in two places.
        if finding.run_id in known and finding not in findings:
            findings.append(finding)
    return findings
