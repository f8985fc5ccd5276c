"""What Comet has of an archive, as its server counts it, and what of the archive must still be sent."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musicgen.tracking.archive import MESSAGES

_SECONDS_TO_SHOW = 30.0
"""Comet stores what it has accepted a moment later."""
_POLL_SECONDS = 0.5
_MISSING = (400, 404)
"""Statuses of an experiment that does not exist, from older and newer servers."""

_Point = tuple[str, str]
"""The name of a metric, and its step as text. A metric without one has "None"."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The points and files of an experiment, with how often each occurs."""

    points: Counter[_Point] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    """By name, without suffix."""

    @property
    def num_files(self) -> int:
        """How many files there are."""
        return self.files.total()


def known_of(key: str, api_key: str) -> Delivered:
    """What Comet has of an experiment: nothing if it does not have it.

    Waits until the count stays the same. Raises the errors of Comet's REST client.
    """
    known = _ask(key, api_key)
    deadline = time.monotonic() + _SECONDS_TO_SHOW
    while known.points and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        before, known = known, _ask(key, api_key)
        if known == before:
            break
    return known


def _ask(key: str, api_key: str) -> Delivered:
    import comet_ml
    from comet_ml.exceptions import CometRestApiException

    try:
        experiment = comet_ml.APIExperiment(previous_experiment=key, api_key=api_key, cache=False)
    except CometRestApiException as error:
        if error.response.status_code in _MISSING:
            return Delivered()
        raise
    points = Counter((str(one["metricName"]), str(one.get("step"))) for one in experiment.get_metrics())
    files = Counter(_stem(str(one["fileName"])) for one in experiment.get_asset_list())
    return Delivered(points, files)


def drop_known(folder: Path, known: Delivered | None) -> Delivered:
    """Remove from an unpacked archive what Comet has; returns all that the archive had.

    The folder is a temporary copy: its file of messages is written again.
    """
    wanted = Delivered()
    left = Delivered() if known is None else Delivered(known.points.copy(), known.files.copy())
    path, kept = folder / MESSAGES, []
    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        payload = message["payload"]
        counted = _counted(message["type"], payload)
        if counted is None:
            kept.append(line)
            continue
        kind, name = counted
        getattr(wanted, kind)[name] += 1
        if getattr(left, kind)[name] > 0:
            getattr(left, kind)[name] -= 1
            if kind == "files":
                (folder / payload["file_path"]).unlink()
        else:
            kept.append(line)
    path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    return wanted


def wait_for_all(key: str, api_key: str, wanted: Delivered) -> str:
    """Wait until Comet shows all of it; returns what it lacks after a while, or ""."""
    deadline = time.monotonic() + _SECONDS_TO_SHOW
    while True:
        shown = _ask(key, api_key)
        points = (wanted.points - shown.points).total()
        # Names of pictures may come back changed, so their number counts as well.
        lacks_files = (wanted.files - shown.files).total() and shown.num_files < wanted.num_files
        if not points and not lacks_files:
            return ""
        if time.monotonic() > deadline:
            return (
                f"Comet shows {wanted.points.total() - points} of {wanted.points.total()} points "
                f"and {min(shown.num_files, wanted.num_files)} of {wanted.num_files} files"
            )
        time.sleep(_POLL_SECONDS)


def _counted(kind: str, payload: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The field of `Delivered` in which a message counts, and its name there.

    None for a message that Comet may get twice: it replaces what it has.
    """
    if kind == "metric_msg":
        metric = payload["metric"]
        return "points", (str(metric["metricName"]), str(metric.get("step")))
    if kind == "file_upload":
        parameters = payload["additional_params"]
        return "files", _stem(str(parameters.get("fileName") or parameters.get("figName")))
    return None


def _stem(name: str) -> str:
    return Path(name).stem
