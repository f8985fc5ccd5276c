"""What a tracker is, and several of them as one: a tracker receives a run while it happens."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from musicgen.errors import one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What a tracker is told about a run when it starts."""

    directory: Path
    """Of the run; exists."""
    name: str
    """What tells the run from others: "batch_size=8 · seed 0"."""
    tags: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    """The resolved config, a nested mapping as in run.json."""
    is_of_sweep: bool = False
    """Whether it is one of several runs that a command makes."""


class Tracker:
    """Does nothing. A tracker of your own is a subclass that overrides what it needs.

    A method may raise: the run continues without the tracker, and its record says why.
    """

    @property
    def started(self) -> Mapping[str, object]:
        """What the record of the run says about the tracker until it ends."""
        return {}

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Log the resolved config, a nested mapping."""

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Log values of an iteration or of the whole run; None means not measured."""

    def log_facts(self, facts: Mapping[str, object]) -> None:
        """Log facts about the run that are neither parameters nor metrics, such as its status."""

    def log_tags(self, tags: Sequence[str]) -> None:
        """Add tags to those that the run started with, such as that it failed."""

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Log a sound with its metadata, such as its tune, prompt and temperature."""

    def log_image(self, path: Path) -> None:
        """Log a PNG or SVG picture."""

    def log_file(self, path: Path) -> None:
        """Log any other file."""

    def log_table(self, path: Path) -> None:
        """Log a CSV file as a table."""

    def log_page(self, html: str) -> None:
        """Log a page that the tracker can show."""

    def log_model(self, path: Path) -> None:
        """Log the trained weights."""

    def log_text(self, text: str, metadata: Mapping[str, object]) -> None:
        """Log a text with its metadata, such as a finding."""

    def discard(self) -> None:
        """Finish after one of the methods has raised, instead of `end`; leave nothing half-written."""
        self.end()

    def end(self) -> Mapping[str, object]:
        """Finish. Returns what the record of the run keeps, such as an archive or an address."""
        return {}


class Trackers(Tracker):
    """Passes everything to several trackers. No method raises: a failing tracker must not end a run."""

    def __init__(self, openers: Mapping[str, Callable[[], Tracker]]) -> None:
        """Open each tracker by its name."""
        self._open: dict[str, Tracker] = {}
        self._started: dict[str, Mapping[str, object]] = {}
        self._errors: dict[str, str] = {}
        for name, opener in openers.items():
            try:
                self._open[name] = opener()
                self._started[name] = _plain(self._open[name].started)
            except Exception as error:
                self._switch_off(name, "start", error)

    def log_parameters(self, config: Mapping[str, object]) -> None:
        """Pass on."""
        self._each("log_parameters", config)

    def log_metrics(self, metrics: Mapping[str, float | None], iteration: int | None = None) -> None:
        """Pass on."""
        self._each("log_metrics", metrics, iteration)

    def log_facts(self, facts: Mapping[str, object]) -> None:
        """Pass on."""
        self._each("log_facts", facts)

    def log_tags(self, tags: Sequence[str]) -> None:
        """Pass on."""
        self._each("log_tags", tags)

    def log_audio(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Pass on."""
        self._each("log_audio", path, metadata)

    def log_image(self, path: Path) -> None:
        """Pass on."""
        self._each("log_image", path)

    def log_file(self, path: Path) -> None:
        """Pass on."""
        self._each("log_file", path)

    def log_table(self, path: Path) -> None:
        """Pass on."""
        self._each("log_table", path)

    def log_page(self, html: str) -> None:
        """Pass on."""
        self._each("log_page", html)

    def log_model(self, path: Path) -> None:
        """Pass on."""
        self._each("log_model", path)

    def log_text(self, text: str, metadata: Mapping[str, object]) -> None:
        """Pass on."""
        self._each("log_text", text, metadata)

    @property
    def started(self) -> Mapping[str, object]:
        """By name, what each tracker says when the run starts."""
        return self._started

    def end(self) -> Mapping[str, Mapping[str, object]]:
        """Finish all; returns what each says by its name."""
        outcomes: dict[str, Mapping[str, object]] = {}
        for name, tracker in self._open.items():
            if name in self._errors:
                with suppress(Exception):
                    tracker.discard()
                continue
            try:
                outcomes[name] = _plain(tracker.end())
            except Exception as error:
                self._switch_off(name, "end", error)
        failures = {
            name: {**self._started.get(name, {}), "error": error} for name, error in self._errors.items()
        }
        return outcomes | failures

    def _each(self, method: str, *arguments: object) -> None:
        for name, tracker in self._open.items():
            if name in self._errors:
                continue
            try:
                getattr(tracker, method)(*arguments)
            except Exception as error:
                self._switch_off(name, method, error)

    def _switch_off(self, name: str, method: str, error: Exception) -> None:
        """Remember the first error of a tracker; it gets nothing more but `end`."""
        self._errors.setdefault(name, one_line(f"{method}: {error}"))
        log.warning("the tracker %s failed and is switched off for this run: %s", name, self._errors[name])


def flat(config: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """A nested config as pairs of dotted names and values; lists become text."""
    pairs: list[tuple[str, object]] = []
    for key, value in config.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", str(value) if isinstance(value, list) else value))
    return pairs


def _plain(outcome: Mapping[str, object]) -> dict[str, object]:
    """What a tracker says as run.json can hold it; a path, for example, becomes text."""
    return json.loads(json.dumps(dict(outcome), default=str, allow_nan=False))
