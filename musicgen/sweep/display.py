"""What a sweep shows while it runs.

On a terminal one live table has a row for every job under way, and finished jobs stand as lines above it;
elsewhere there are these lines alone.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from musicgen.records.naming import told_overrides
from musicgen.system.interruption import leave_closed_terminal
from musicgen.training.progress import TRAINING, Progress

SECONDS_BETWEEN_PICTURES = 0.25
_SIGHTS = 40
"""How many of the last sights of a job its speed is measured on: ten seconds."""
_UNTOLD = ("hydra", "paths", "study", "change", "retuned")


def name_jobs(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """What each job changes beside the others, seed last: "model=gru seed=1", or "baseline seed=1".

    Left out is what all of them have, and what says nothing of a run's numbers.
    """
    told = [told_overrides(overrides, *_UNTOLD) for overrides in job_overrides]
    common = set(told[0]).intersection(*told) if len(told) > 1 else set()
    own = [[text for text in texts if text not in common] for texts in told]
    only_seeds = not any(map(_without_seed, own))
    return [
        " ".join([*(_without_seed(texts) or ([] if only_seeds else ["baseline"])), *_seed(texts)])
        or "defaults"
        for texts in own
    ]


def _without_seed(overrides: Sequence[str]) -> list[str]:
    return told_overrides(overrides, "seed")


def _seed(overrides: Sequence[str]) -> list[str]:
    return [text for text in overrides if text not in _without_seed(overrides)]


@dataclass
class RunningJob:
    """What is known of a job under way; times are seconds of time.monotonic()."""

    name: str
    started: float
    standing: Progress = field(default_factory=Progress)
    sights: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_SIGHTS))
    """When it was at which iteration, the last ones."""

    def see(self, standing: Progress, now: float) -> None:
        """Take in where it stands."""
        self.standing = standing
        if standing.stage == TRAINING:
            self.sights.append((now, standing.iteration))

    def seconds_left(self) -> float | None:
        """Of its training; None where it does not train, or not long enough to tell."""
        if self.standing.stage != TRAINING or len(self.sights) < 2:
            return None
        (earlier, first), (later, last) = self.sights[0], self.sights[-1]
        if last <= first or later <= earlier:
            return None
        return (self.standing.num_iterations - last) * (later - earlier) / (last - first)


@dataclass
class SweepState:
    """What is known of all jobs."""

    names: Mapping[int, str]
    """Of every job by its number, also of those that later launches start."""
    started: float = field(default_factory=time.monotonic)
    running: dict[int, RunningJob] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    """Seconds of each job that ended well."""
    num_failed: int = 0
    most_at_once: int = 1
    notice: str = ""
    """What stands below the table beside the times."""

    @property
    def num_ended(self) -> int:
        """Jobs that are over, well or not."""
        return len(self.durations) + self.num_failed

    def seconds_left(self, now: float) -> float | None:
        """Until the last job ends, as far as the jobs so far tell; None before they tell anything.

        A job takes the mean time of those that ended, or else of those under way as their speed foretells it.
        """
        under_way = [(now - job.started, job.seconds_left()) for job in self.running.values()]
        whole = self.durations or [passed + left for passed, left in under_way if left is not None]
        if not whole:
            return None
        usual = sum(whole) / len(whole)
        left_under_way = [max(left or 0.0, usual - passed, 0.0) for passed, left in under_way]
        num_waiting = len(self.names) - self.num_ended - len(self.running)
        shared = (sum(left_under_way) + num_waiting * usual) / self.most_at_once
        return max([shared, *left_under_way])


class SweepDisplay:
    """Shows the jobs of a sweep on the console."""

    def __init__(self, state: SweepState, console: Console | None = None) -> None:
        self._state = state
        self._console = console or Console(highlight=False)
        self._last_picture = 0.0
        self._is_exhaustion_told = False
        is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = (
            # Drawn by `refresh` alone, so that no thread of its own draws while the program ends.
            Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
            if is_live
            else None
        )

    def __enter__(self) -> "SweepDisplay":
        """Take the last lines of the terminal."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back; the lines of finished jobs stay."""
        if self._live is not None:
            self._live.stop()

    def start(self, number: int) -> None:
        """A job starts."""
        state = self._state
        state.running[number] = RunningJob(state.names[number], time.monotonic())
        state.most_at_once = max(state.most_at_once, len(state.running))
        self.refresh(at_once=True)

    def tell(self, number: int, standing: Progress) -> None:
        """A job has come further."""
        job = self._state.running[number]
        if standing.notice and standing.notice != job.standing.notice:
            self._say(f"{job.name}: {standing.notice}", "yellow")
        job.see(standing, time.monotonic())

    def end(self, number: int, loss: float | None, error: str | None) -> None:
        """A job is over, with its validation loss if it has one, or with an error."""
        state, now = self._state, time.monotonic()
        job = state.running.pop(number, None)
        seconds = now - job.started if job else 0.0
        if error is None:
            state.durations.append(seconds)
        else:
            state.num_failed += 1
        line = describe_end(state.num_ended, len(state.names), state.names[number], seconds, loss, error)
        self._say(line, "red" if error else "")

    def put_back(self, number: int) -> None:
        """A job that could not run now has its turn later."""
        self._state.running.pop(number, None)

    def tell_exhaustion(self) -> None:
        """Fewer jobs run at a time from now on."""
        if not self._is_exhaustion_told:
            self._say(
                "the machine is out of processes, threads or memory: fewer runs at a time from now on; "
                "what it ended is run again",
                "yellow",
            )
            self._is_exhaustion_told = True

    def _say(self, line: str, style: str) -> None:
        leave_closed_terminal()
        # The console would break a long line where a file's reader wants it whole.
        self._console.print(Text(line, style=style), soft_wrap=True)

    def wait_for_saving(self) -> None:
        """The jobs under way were asked to end."""
        if not self._state.notice:
            self._state.notice = "ending: runs save what they have; Ctrl-C again ends them unsaved"
            self.refresh(at_once=True)

    def refresh(self, at_once: bool = False) -> None:
        """Draw the table, if there is one and its last picture is old enough."""
        now = time.monotonic()
        if self._live is not None and (at_once or now - self._last_picture >= SECONDS_BETWEEN_PICTURES):
            # A sweep in the background outlives its terminal, if the shell was told to let it.
            leave_closed_terminal()
            width, height = self._console.size
            self._live.update(draw(self._state, width, height, now), refresh=True)
            self._last_picture = now


def describe_end(
    number: int, total: int, name: str, seconds: float, loss: float | None, error: str | None
) -> str:
    """The line of a job that is over; number: how many are."""
    result = "done" if loss is None else f"validation {loss:.4f}"
    how = f"failed: {error}" if error else f"{result} in {tell_duration(seconds)}"
    return f"{number} of {total}: {name}: {how}"


def tell_duration(seconds: float) -> str:
    """As "1.2 s", "12 s", "3:05 min" or "2:03 h"."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


@dataclass(frozen=True)
class _Name:
    """A job's name, cut at its beginning where the terminal is narrow: value and seed stand at its end."""

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
    """Characters that the terminal needs for it to be shown."""
    cell: Callable[[RunningJob], RenderableType]
    justify: JustifyMethod = "left"


def _tell(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)


def _bar(job: RunningJob) -> RenderableType:
    standing = job.standing
    total = standing.num_iterations
    done = standing.iteration if total else 0
    return ProgressBar(
        total=total or 1, completed=done, width=20, complete_style="cyan", finished_style="green"
    )


def _share(job: RunningJob) -> str:
    standing = job.standing
    return f"{standing.iteration / standing.num_iterations:.0%}" if standing.num_iterations else ""


def _time_left(job: RunningJob) -> str:
    left = job.seconds_left()
    return "" if left is None else tell_duration(left)


_COLUMNS = (
    _Column("stage", 40, lambda job: job.standing.stage),
    _Column("", 84, _bar),
    _Column("", 40, _share, "right"),
    _Column("loss", 96, lambda job: _tell(job.standing.train_loss, ".4f"), "right"),
    _Column("validation", 60, lambda job: _tell(job.standing.validation_loss, ".4f"), "right"),
    _Column("tokens/s", 108, lambda job: _tell(job.standing.tokens_per_second, ",.0f"), "right"),
    _Column("left", 50, _time_left, "right"),
)


def draw(state: SweepState, width: int, height: int, now: float) -> RenderableType:
    """The picture of a sweep on a terminal of this size: its table, then its bar and times."""
    columns = [column for column in _COLUMNS if width >= column.from_width]
    table = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False, header_style="dim", border_style="dim")
    table.add_column("run", ratio=1)
    for column in columns:
        table.add_column(column.title, justify=column.justify, no_wrap=True)
    jobs = list(state.running.values())
    # The head takes three lines, the foot two.
    room = max(height - 6, 1)
    for job in jobs[:room]:
        table.add_row(_Name(job.name), *(column.cell(job) for column in columns))
    if len(jobs) > room:
        table.add_row(Text(f"and {len(jobs) - room} more", style="dim"))
    return Group(table, _draw_foot(state, width, now))


def _draw_foot(state: SweepState, width: int, now: float) -> RenderableType:
    passed, left = now - state.started, state.seconds_left(now)
    words = Text(f"{state.num_ended} of {len(state.names)} runs over")
    if state.num_failed:
        words.append(f", {state.num_failed} failed", style="red")
    if left is not None:
        end = datetime.now() + timedelta(seconds=left)
        words.append(f" · {tell_duration(left)} left, until {end:%H:%M}")
    words.append(f" · {tell_duration(passed)} so far", style="dim")
    if state.notice:
        words = Text(state.notice, style="yellow")
    words.no_wrap, words.overflow = True, "ellipsis"
    if width < 84:
        return words
    share = 0.0 if left is None else passed / max(passed + left, 1e-9)
    foot = Table.grid(padding=(0, 1))
    foot.add_row(ProgressBar(total=1.0, completed=share, width=24, complete_style="cyan"), words)
    return foot
