"""What Comet has of an archive, as its server counts it, and what of the archive must still be sent."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musicgen.system.files import remove_file
from musicgen.tracking.archive import MESSAGES

_SECONDS_TO_SHOW = 30.0
"""Comet stores what it has accepted a moment later."""
_POLL_SECONDS = 0.5
_MISSING = (400, 404)
"""Statuses of an experiment that does not exist, from older and newer servers."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The points and files that Comet has of an experiment, with how often it has each."""

    points: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """By name and step, and value if `is_exact`."""
    files: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """By name, and size if `is_exact`."""
    is_exact: bool = False

    @property
    def totals(self) -> tuple[int, int]:
        """How many points and how many files there are."""
        return self.points.total(), self.files.total()


def stored(key: str, api_key: str, *, is_exact: bool = False) -> Stored:
    """What Comet has of an experiment: nothing if it does not have it. Waits until the count stays the same.

    is_exact: for an addition, whose points may have the names and steps of what was there before.
    Raises the errors of Comet's REST client.
    """
    found = _ask(key, api_key, is_exact)
    deadline = time.monotonic() + _SECONDS_TO_SHOW
    while found.points and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        before, found = found, _ask(key, api_key, is_exact)
        if found == before:
            break
    return found


def _ask(key: str, api_key: str, is_exact: bool) -> Stored:
    import comet_ml
    from comet_ml.exceptions import CometRestApiException

    try:
        experiment = comet_ml.APIExperiment(previous_experiment=key, api_key=api_key, cache=False)
    except CometRestApiException as error:
        if error.response.status_code in _MISSING:
            return Stored(is_exact=is_exact)
        raise
    return Stored(
        Counter(_point(one, is_exact) for one in experiment.get_metrics()),
        Counter(
            _file(str(one["fileName"]), one.get("fileSize"), is_exact) for one in experiment.get_asset_list()
        ),
        is_exact,
    )


def _point(metric: dict[str, Any], is_exact: bool) -> tuple[str, ...]:
    point = str(metric["metricName"]), str(metric.get("step"))
    return (*point, repr(float(metric["metricValue"]))) if is_exact else point


def _file(name: str, size: object, is_exact: bool) -> tuple[str, ...]:
    return (name, str(size)) if is_exact else (name,)


def drop_stored(folder: Path, known: Stored) -> tuple[int, int]:
    """Remove from an unpacked archive what Comet has; returns how many points and files are left.

    The folder is a temporary copy, whose file of messages is written again.
    """
    points, files = known.points.copy(), known.files.copy()
    path, kept, num_points, num_files = folder / MESSAGES, [], 0, 0
    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        kind, payload = message["type"], message["payload"]
        if kind == "metric_msg":
            point = _point(payload["metric"], known.is_exact)
            if points[point]:
                points[point] -= 1
                continue
            num_points += 1
        elif kind == "file_upload":
            content, names = folder / payload["file_path"], payload["additional_params"]
            name = str(names.get("fileName") or names.get("figName"))
            file = _file(name, content.stat().st_size, known.is_exact)
            if files[file]:
                files[file] -= 1
                remove_file(content)
                continue
            num_files += 1
        # Comet may get everything else twice: it replaces what it has.
        kept.append(line)
    path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    return num_points, num_files


def wait_for(key: str, api_key: str, num_points: int, num_files: int) -> str:
    """Wait until Comet shows as many points and files; returns what it lacks after a while, or ""."""
    deadline = time.monotonic() + _SECONDS_TO_SHOW
    while True:
        points, files = _ask(key, api_key, is_exact=False).totals
        if points >= num_points and files >= num_files:
            return ""
        if time.monotonic() > deadline:
            return f"Comet shows {points} of {num_points} points and {files} of {num_files} files"
        time.sleep(_POLL_SECONDS)
