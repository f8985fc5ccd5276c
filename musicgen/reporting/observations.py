"""What people heard: findings that somebody wrote down, and ratings of the listening page."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.errors import InputError

FINDINGS, RATINGS, LISTENING = "findings.jsonl", "ratings.csv", "listening.csv"


@dataclass(frozen=True, slots=True)
class Finding:
    """A dated observation, bound to a run."""

    date: str
    run_id: str
    directory: str
    text: str
    ratings: Mapping[str, float]
    effect: Mapping[str, str] | None
    author: str | None


def read_findings(folders: Iterable[Path], run_ids: Iterable[str]) -> list[Finding]:
    """The findings about these runs, the oldest first. Raises InputError for a line that is none."""
    known = set(run_ids)
    found: list[Finding] = []
    for path in dict.fromkeys(folder.resolve() / FINDINGS for folder in folders):
        if path.is_file():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                finding = _read_line(line, f"{path}:{number}")
                if finding.run_id in known and finding not in found:
                    found.append(finding)
    return sorted(found, key=lambda finding: finding.date)


def _read_line(line: str, place: str) -> Finding:
    try:
        row = json.loads(line)
        return Finding(
            date=str(row["date"]),
            run_id=str(row["run_id"]),
            directory=str(row.get("directory", "")),
            text=str(row["text"]),
            ratings=row.get("ratings") or {},
            effect=row.get("effect"),
            author=row.get("author"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{place}: is no finding: {error}") from error


def read_ratings(folder: Path) -> dict[tuple[str, int], float]:
    """Run identity and index of each rated tune -> the mean over its listeners and criteria, from 1 to 5."""
    ratings: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in _rows(folder / RATINGS):
        # Anchors belong to no run.
        if row.get("run_id") and row.get("index") and row.get("rating"):
            ratings[row["run_id"], int(float(row["index"]))].append(float(row["rating"]))
    return {tune: sum(given) / len(given) for tune, given in ratings.items()}


def read_listening(folder: Path) -> Sequence[Mapping[str, str]]:
    """The rows of listening.csv: arm, criterion, mean, interval, numbers of ratings and of listeners."""
    return _rows(folder / LISTENING)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
