"""What a sweep shows while it runs.

On a terminal a live table has a row for every running job, below a line for each finished one. Elsewhere only
the lines are printed.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from musicgen.config import NOT_SHOWN
from musicgen.records.naming import BASELINE, drop_overrides, without_groups
from musicgen.system.interruption import leave_closed_terminal
from musicgen.system.words import elapsed
from musicgen.training.progress import TRAINING, Progress

SECONDS_BETWEEN_REDRAWS = 0.25
_NUM_SAMPLES = 40
"""A job's speed is measured on its last samples: ten seconds."""


def name_jobs(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """What each job changes compared with the others, seed last: "model=gru, seed 1", or "baseline, seed 1".

    Leaves out what all of them change, and what does not affect a run's numbers.
    """
    relevant = [drop_overrides(overrides, *NOT_SHOWN) for overrides in job_overrides]
    common = set(relevant[0]).intersection(*relevant) if len(relevant) > 1 else set()
    own = [[text for text in texts if text not in common] for texts in relevant]
    others = [BASELINE] if any(map(_without_seed, own)) else []
    return [
        ", ".join(
            [
                *(map(without_groups, _without_seed(texts)) if _without_seed(texts) else others),
                *(text.replace("=", " ", 1) for text in _seed(texts)),
            ]
        )
        or "defaults"
        for texts in own
    ]


def _without_seed(overrides: Sequence[str]) -> list[str]:
    return drop_overrides(overrides, "seed")


def _seed(overrides: Sequence[str]) -> list[str]:
    return [text for text in overrides if text not in _without_seed(overrides)]


@dataclass
class RunningJob:
    """A job in the table; times are seconds of time.monotonic()."""

    name: str
    started: float
    progress: Progress = field(default_factory=Progress)
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_NUM_SAMPLES))
    """Times, and the iterations reached by then."""

    def update(self, progress: Progress, now: float) -> None:
        """Take over its latest progress."""
        self.progress = progress
        if progress.stage == TRAINING:
            self.samples.append((now, progress.iteration))

    def seconds_left(self) -> float | None:
        """Seconds until its training ends; None if it is not training, or not for long enough to estimate."""
        if self.progress.stage != TRAINING or len(self.samples) < 2:
            return None
        (earlier, first), (later, last) = self.samples[0], self.samples[-1]
        if last <= first or later <= earlier:
            return None
        return (self.progress.num_iterations - last) * (later - earlier) / (last - first)


@dataclass
class SweepState:
    """All jobs of a sweep, over several launches."""

    names: dict[int, str]
    """By number, including jobs of later launches."""
    is_open: bool = False
    """Whether jobs are added while others run, so that their final number is unknown."""
    started: float = field(default_factory=time.monotonic)
    running: dict[int, RunningJob] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    """Seconds of each job that succeeded."""
    num_failed: int = 0
    max_running: int = 1
    """The largest number of jobs that have run at the same time."""
    notice: str = ""
    """Shown below the table instead of the times."""

    @property
    def num_ended(self) -> int:
        """Jobs that have succeeded or failed."""
        return len(self.durations) + self.num_failed

    def seconds_left(self, now: float) -> float | None:
        """Estimated seconds until the last job ends; None if no job has shown its speed yet.

        A job is expected to take the mean time of those that ended, or else of the running ones, estimated.
        """
        running = [(now - job.started, job.seconds_left()) for job in self.running.values()]
        totals = self.durations or [passed + left for passed, left in running if left is not None]
        if not totals or self.is_open:
            return None
        usual = sum(totals) / len(totals)
        left_running = [max(left or 0.0, usual - passed, 0.0) for passed, left in running]
        num_waiting = len(self.names) - self.num_ended - len(self.running)
        shared = (sum(left_running) + num_waiting * usual) / self.max_running
        return max([shared, *left_running])


class SweepDisplay:
    """Shows the jobs of a sweep on the console."""

    def __init__(self, state: SweepState, console: Console | None = None) -> None:
        self._state = state
        self._console = console or Console(highlight=False)
        self._last_redraw = 0.0
        self._has_warned = False
        # A notebook sets FORCE_COLOR, with which rich takes any output for a terminal.
        is_live = (
            self._console.file.isatty() and self._console.is_terminal and not self._console.is_dumb_terminal
        )
        self._live = (
            # Without auto_refresh, no thread draws while the program ends.
            Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
            if is_live
            else None
        )

    def __enter__(self) -> "SweepDisplay":
        """Start drawing."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the table; the lines of finished jobs stay."""
        if self._live is not None:
            self._live.stop()

    def add(self, name: str) -> int:
        """Add a job to those of the sweep; returns its number."""
        number = len(self._state.names)
        self._state.names[number] = name
        return number

    def start(self, number: int) -> None:
        """A job starts."""
        state = self._state
        state.running[number] = RunningJob(state.names[number], time.monotonic())
        state.max_running = max(state.max_running, len(state.running))
        self.refresh(at_once=True)

    def update(self, number: int, progress: Progress) -> None:
        """A job has made progress."""
        job = self._state.running[number]
        if progress.notice and progress.notice != job.progress.notice:
            self._print(f"{job.name}: {progress.notice}", "yellow")
        job.update(progress, time.monotonic())

    def end(self, number: int, loss: float | None, error: str | None) -> None:
        """A job has ended, with its validation loss if it has one, or with an error."""
        state, now = self._state, time.monotonic()
        job = state.running.pop(number, None)
        seconds = now - job.started if job else 0.0
        if error is None:
            state.durations.append(seconds)
        else:
            state.num_failed += 1
        line = describe_end(state.names[number], seconds, loss, error)
        if not state.is_open:
            line = f"{state.num_ended} of {len(state.names)}: {line}"
        self._print(line, "red" if error else "")

    def put_back(self, number: int) -> None:
        """A job could not run now, and starts again later."""
        self._state.running.pop(number, None)

    def warn_of_exhaustion(self) -> None:
        """Say once that lost jobs run again, and fewer at a time."""
        if not self._has_warned:
            self._print(
                "the machine is out of processes, threads or memory: the runs that it ended start again, "
                "fewer at a time and after a pause",
                "yellow",
            )
            self._has_warned = True

    def _print(self, line: str, style: str) -> None:
        leave_closed_terminal()
        # Without soft_wrap the console would break long lines, also in a file.
        self._console.print(Text(line, style=style), soft_wrap=True)

    def show_saving(self) -> None:
        """The running jobs have been asked to end."""
        if not self._state.notice:
            self._state.notice = "ending: runs save what they have; Ctrl-C again ends them unsaved"
            self.refresh(at_once=True)

    def refresh(self, at_once: bool = False) -> None:
        """Redraw the table if it is old enough."""
        now = time.monotonic()
        if self._live is not None and (at_once or now - self._last_redraw >= SECONDS_BETWEEN_REDRAWS):
            # A sweep in the background may outlive its terminal.
            leave_closed_terminal()
            width, height = self._console.size
            self._live.update(draw(self._state, width, height, now), refresh=True)
            self._last_redraw = now


def describe_end(name: str, seconds: float, loss: float | None, error: str | None) -> str:
    """The line of a job that has ended."""
    result = "done" if loss is None else f"validation {loss:.4f}"
    how = f"failed: {error}" if error else f"{result} in {elapsed(seconds)}"
    return f"{name}: {how}"


@dataclass(frozen=True)
class _Name:
    """A job's name, whose beginning is cut on a narrow terminal: value and seed are at its end."""

    text: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(8, options.max_width), len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        yield Text(self.text if len(self.text) <= room else "…" + self.text[len(self.text) - room + 1 :])


@dataclass(frozen=True)
class _Column:
    title: str
    from_width: int
    """The column is hidden on terminals with fewer characters."""
    cell: Callable[[RunningJob], RenderableType]
    justify: JustifyMethod = "left"


def _format(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)


def _bar(job: RunningJob) -> RenderableType:
    progress = job.progress
    total = progress.num_iterations
    done = progress.iteration if total else 0
    return ProgressBar(
        total=total or 1, completed=done, width=20, complete_style="cyan", finished_style="green"
    )


def _share(job: RunningJob) -> str:
    progress = job.progress
    return f"{progress.iteration / progress.num_iterations:.0%}" if progress.num_iterations else ""


def _time_left(job: RunningJob) -> str:
    left = job.seconds_left()
    return "" if left is None else elapsed(left)


_COLUMNS = (
    _Column("stage", 40, lambda job: job.progress.stage),
    _Column("", 84, _bar),
    _Column("", 40, _share, "right"),
    _Column("loss", 96, lambda job: _format(job.progress.train_loss, ".4f"), "right"),
    _Column("validation", 60, lambda job: _format(job.progress.validation_loss, ".4f"), "right"),
    _Column("tokens/s", 108, lambda job: _format(job.progress.tokens_per_second, ",.0f"), "right"),
    _Column("left", 50, _time_left, "right"),
)


def draw(state: SweepState, width: int, height: int, now: float) -> RenderableType:
    """A sweep on a terminal of this size: its table, then its bar and times."""
    columns = [column for column in _COLUMNS if width >= column.from_width]
    table = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False, header_style="dim", border_style="dim")
    table.add_column("run", ratio=1)
    for column in columns:
        table.add_column(column.title, justify=column.justify, no_wrap=True)
    jobs = list(state.running.values())
    # The header takes three lines, the footer two.
    room = max(height - 6, 1)
    for job in jobs[:room]:
        table.add_row(_Name(job.name), *(column.cell(job) for column in columns))
    if len(jobs) > room:
        table.add_row(Text(f"and {len(jobs) - room} more", style="dim"))
    return Group(table, _draw_footer(state, width, now))


def _draw_footer(state: SweepState, width: int, now: float) -> RenderableType:
    passed, left = now - state.started, state.seconds_left(now)
    total = "" if state.is_open else f" of {len(state.names)}"
    text = Text(f"{state.num_ended}{total} runs finished")
    if state.num_failed:
        text.append(f", {state.num_failed} failed", style="red")
    if left is not None:
        end = datetime.now() + timedelta(seconds=left)
        text.append(f" · {elapsed(left)} left, until {end:%H:%M}")
    text.append(f" · {elapsed(passed)} so far", style="dim")
    if state.notice:
        text = Text(state.notice, style="yellow")
    text.no_wrap, text.overflow = True, "ellipsis"
    if width < 84:
        return text
    share = 0.0 if left is None else passed / max(passed + left, 1e-9)
    footer = Table.grid(padding=(0, 1))
    footer.add_row(ProgressBar(total=1.0, completed=share, width=24, complete_style="cyan"), text)
    return footer
