"""The findings log: what someone heard or thought of a run, dated and bound to the run's identity.

One JSON object a line, only ever appended: `experiments/<study>/findings.jsonl` for runs of a declared
study, else findings.jsonl in the sweep's or run's own directory. A finding may cite an effect; when later
runs do not show that effect, `compare` says so.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from musicgen.errors import InputError, first_problem
from musicgen.records.criteria import check_point
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, sweep_directories
from musicgen.system.files import append_whole, read_whole, refuse_link, write_text_atomically
from musicgen.system.locks import lock_beside, locked

FILE_NAME = "findings.jsonl"
EXPERIMENTS = Path("experiments")
"""Where declared studies keep what is worth committing, from the directory that commands run in."""
MAX_LOG_BYTES = 2**26
DIRECTIONS = ("raises", "lowers")
_SWEEP_FILES = ("plan.csv", "multirun.yaml")


@dataclass(frozen=True, slots=True)
class CitedEffect:
    """An effect that a finding rests on."""

    parameter: str
    metric: str
    direction: str
    """One of DIRECTIONS."""

    @classmethod
    def parse(cls, text: str) -> "CitedEffect":
        """Of "model.cell,validity/tune_rate,raises"; raises InputError."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 3 or not all(parts) or parts[2] not in DIRECTIONS:
            raise InputError(
                f"effect {text!r}: PARAMETER,METRIC,DIRECTION is needed, the direction one of "
                f"{', '.join(DIRECTIONS)}, such as model.cell,validity/tune_rate,raises"
            )
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the log, in its order."""

    date: str
    """UTC, ISO 8601."""
    run_id: str
    training_id: str
    directory: str
    """Of the run, as it was named."""
    text: str
    ratings: Mapping[str, int]
    """Criterion -> point, of those that were given."""
    effect: CitedEffect | None
    author: str | None


def findings_path(run: FoundRun) -> Path:
    """The log that the run's findings belong into."""
    return _findings_paths([run])[0]


def _findings_paths(runs: Sequence[FoundRun]) -> list[Path]:
    """The same for each of many runs, whose folders are looked into once."""
    is_sweep = cache(lambda folder: any((folder / name).is_file() for name in _SWEEP_FILES))
    paths = []
    for run in runs:
        study = run.record.config.get("study")
        if isinstance(study, Mapping) and study.get("name"):
            paths.append(EXPERIMENTS / str(study["name"]) / FILE_NAME)
            continue
        directory = run.directory.resolve()
        paths.append(next(filter(is_sweep, directory.parents), directory) / FILE_NAME)
    return paths


def add_finding(
    run_directory: Path,
    text: str,
    ratings: Mapping[str, int] | None = None,
    effect: CitedEffect | None = None,
    author: str | None = None,
) -> tuple[Finding, Path]:
    """Append a finding about the run to its log; returns it and the log.

    The line is on the disk when this returns, whole, whoever else is writing; without locks (paths.locks of
    the run) as far as the file system appends in one piece. Raises InputError where the directory is no
    run's, the text is empty or no text, or a rating is none.
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
        # Half a surrogate pair, which JSON and a command line can carry and no file can.
        raise InputError("a finding is text, and this one holds bytes that are none") from error
    path = findings_path(run)
    refuse_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _append(path, line, locks=run.record.has_locks)
    return finding, path


def _checked_text(text: str) -> str:
    text = text.strip()
    if not text:
        raise InputError("a finding needs words: what did you hear or see?")
    return text


def _append(path: Path, line: str, *, locks: bool) -> None:
    with (
        locked(lock_beside(path), locks=locks),
        path.open("ab+", buffering=0) as file,
    ):
        # What a power failure may have left of an earlier line must not swallow this one.
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            line = f"\n{line}"
        append_whole(file, path, f"{line}\n".encode())
        os.fsync(file.fileno())


def keep_findings(findings: Sequence[Finding], path: Path) -> None:
    """Write a log anew: what it holds and these findings, each once, oldest first; none leave it be.

    Raises InputError where the log holds a line that is no finding.
    """
    if not findings:
        return
    with locked(lock_beside(path)):
        write_text_atomically(path, findings_text(merged_findings(findings, path)))


def merged_findings(findings: Sequence[Finding], path: Path) -> list[Finding]:
    """What a log holds and these findings, each once, oldest first; raises like `read_findings`."""
    kept = {(one.date, one.run_id, one.text): one for one in [*read_findings([path]), *findings]}
    return sorted(kept.values(), key=lambda one: one.date)


def findings_text(findings: Sequence[Finding]) -> str:
    """The findings as a log holds them."""
    return "".join(f"{json.dumps(asdict(one), ensure_ascii=False)}\n" for one in findings)


def read_findings(paths: Sequence[Path]) -> list[Finding]:
    """Every finding in these logs, and in all logs below these folders, oldest first.

    A path that does not exist has none. Raises InputError for a line that is no finding.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = sorted(path.rglob(FILE_NAME)) if path.is_dir() else [path]
        # A link stays one, which is refused when it is read.
        files |= {file.parent.resolve() / file.name: None for file in found if file.is_file()}
    findings = [
        _read_line(line, f"{file}:{number}")
        for file in files
        for number, line in enumerate(_lines(file), start=1)
        if line.strip()
    ]
    return sorted(findings, key=lambda finding: finding.date)


def _lines(file: Path) -> list[str]:
    # Not splitlines: what somebody wrote may hold other signs that end a line.
    return read_whole(file, MAX_LOG_BYTES, follows_links=False).decode("utf-8", errors="replace").split("\n")


def _read_line(line: str, place: str) -> Finding:
    # pydantic takes a moment to import, which a study without findings should not wait for.
    from pydantic import TypeAdapter, ValidationError

    try:
        finding = TypeAdapter(Finding).validate_json(line, strict=True)
        datetime.fromisoformat(finding.date)
    except ValidationError as error:
        raise InputError(f"{place}: is no finding: {first_problem(error)}") from error
    except ValueError as error:
        raise InputError(f"{place}: is no finding: date: {error}") from error
    return finding


def findings_of(runs: Sequence[FoundRun], folder: Path | None = None) -> list[Finding]:
    """The findings about these runs, each once, oldest first.

    They are read from the logs that the runs belong into, from those beside the runs (in their own and their
    sweeps' directories), and from `folder`.
    """
    known = {run.record.run_id for run in runs}
    folders = [*(run.directory for run in runs), *dict.fromkeys(sweep_directories(runs).values())]
    if folder is not None:
        folders.append(folder)
    logs = dict.fromkeys([*_findings_paths(runs), *(place / FILE_NAME for place in folders)])
    findings: list[Finding] = []
    for finding in read_findings(list(logs)):
        # The log of a study that was copied may lie in two places.
        if finding.run_id in known and finding not in findings:
            findings.append(finding)
    return findings
