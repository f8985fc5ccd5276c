"""Runs and sweeps on the disk as objects and tables."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.api.renderings import PianoRoll, Score, Sound
from musicgen.api.tunes import Tunes
from musicgen.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

    from musicgen.records.runs import FoundRun


class Run:
    """A run on the disk: what it was, what it measured, and the tunes it wrote.

    Where a path is needed, a run stands for its directory.

    Examples
    --------
    >>> run = musicgen.load_run("outputs/run")
    >>> run.status, run.seed, run.config["model"]["cell"]
    ('complete', 0, 'lstm')
    """

    def __init__(self, found: "FoundRun") -> None:
        """For `load_run`, which reads one."""
        self._found = found

    @property
    def directory(self) -> Path:
        """The folder with run.json."""
        return self._found.directory

    @property
    def status(self) -> str:
        """How the run stands: complete, failed, diverged, interrupted, pruned or running."""
        return self._found.record.status

    @property
    def error(self) -> str | None:
        """Why the run did not complete; None if nothing went wrong."""
        return self._found.record.error

    @property
    def seed(self) -> int:
        """The seed of the run's random numbers."""
        return self._found.record.seed

    @property
    def config(self) -> Mapping[str, Any]:
        """Every setting by group: `run.config["training"]["learning_rate"]`."""
        return self._found.record.config

    @property
    def command(self) -> str:
        """The command that makes the run again."""
        return self._found.record.command

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The value of each metric by its name; None if it cannot be measured."""
        return self._found.record.metrics

    @property
    def reference(self) -> Mapping[str, Mapping[str, float]]:
        """Of each metric "mean" and "sd" of real tunes that were held out."""
        return self._found.record.reference

    @property
    def table(self) -> "DataFrame":
        """The metrics next to those of real tunes, as `evaluate` returns them.

        Examples
        --------
        >>> run = musicgen.load_run("outputs/run")
        >>> list(run.table)
        ['value', 'reference', 'reference_sd', 'floor', 'standing', 'reason']
        """
        from musicgen.api.measuring import measurements

        record = self._found.record
        return measurements(record.metrics, record.reference, record.floor, record.reasons)

    @cached_property
    def history(self) -> "DataFrame":
        """The losses during training, in nats per character: the columns of history.csv.

        Examples
        --------
        >>> run = musicgen.load_run("outputs/run")
        >>> float(run.history["iteration"].max()), run.config["training"]["num_iterations"]
        (60.0, 60)
        """
        from pandas import DataFrame

        from musicgen.tracking.history import COLUMNS

        found = self._found.history()
        return DataFrame(columns=list(COLUMNS), dtype=float) if found is None else found

    @cached_property
    def songs(self) -> Tunes:
        """The tunes as a sequence of ABC texts, in the order in which they were drawn."""
        from musicgen.records.sampled_tunes import read_songs

        return Tunes(read_songs(self._found), self.directory / "tunes")

    @property
    def tunes(self) -> "DataFrame":
        """A row for each tune: the columns of tunes.csv, then its text, `abc`.

        Examples
        --------
        >>> tunes = musicgen.load_run("outputs/run").tunes
        >>> sound = tunes[tunes["is_sound"]]
        """
        return self.songs.table

    def tune(self, place: int) -> str:
        """The ABC text of the tune with this number, from 0; files in tunes/ have the same numbers."""
        return self.songs[place]

    def play(self, place: int) -> Sound:
        """The tune as sound: the file in tunes/, or else rendered now. A notebook shows a player."""
        return self.songs.play(place)

    def score(self, place: int) -> Score:
        """The tune as sheet music: the file in tunes/, or else rendered now. A notebook shows it."""
        return self.songs.score(place)

    def roll(self, place: int) -> PianoRoll:
        """The tune as a piano roll: the file in tunes/, or else rendered now. A notebook shows it."""
        return self.songs.roll(place)

    def __fspath__(self) -> str:
        """The directory, so that a run can stand where a path is needed."""
        return str(self.directory)

    def __repr__(self) -> str:
        """Directory, status and seed, in one line."""
        return f"<run {self.directory}: {self.status}, seed {self.seed}>"

    def _repr_html_(self) -> str:
        from musicgen.metrics.registry import summary_metrics

        table = self.table
        shown = table.loc[[name for name in summary_metrics() if name in table.index]]
        page = shown.to_html(float_format="{:.4f}".format, na_rep="")
        return f"<div>{escape(repr(self)[1:-1])}</div>{page}"


def load_run(path: str | PathLike[str]) -> Run:
    """Read the run in a directory.

    Parameters
    ----------
    path
        The directory with run.json, as the command that trained the run prints it.

    Raises
    ------
    InputError
        There is no run, or its run.json cannot be read.

    Examples
    --------
    >>> musicgen.load_run("outputs/run")
    <run outputs/run: complete, seed 0>
    """
    from musicgen.records.record import RunRecord
    from musicgen.records.runs import FoundRun

    directory = Path(path)
    return Run(FoundRun(directory, RunRecord.read(directory)))


def load_runs(*paths: str | PathLike[str]) -> "DataFrame":
    """Read many runs as a table: a row for each with its status, change, seed, metrics and every setting.

    Metrics and settings are columns by their names, such as "fit/validation_loss" and "model.cell".

    Parameters
    ----------
    paths
        Runs, sweeps, or folders above them.

    Raises
    ------
    InputError
        No path is given, or a folder has no run.

    Examples
    --------
    >>> runs = musicgen.load_runs("outputs/sweep")
    >>> len(runs), int(runs["seed"].max())
    (9, 2)
    """
    from musicgen.records.runs import runs_table

    return runs_table(_found_runs(paths))


def compare(*paths: str | PathLike[str], baseline: str | Sequence[str] = ()) -> "DataFrame":
    """Say what each change did to each metric: a row for each, with the columns of effects.csv.

    `difference` is the mean over seeds of change minus baseline, in the metric's unit, `ci_low` to `ci_high`
    is its 95 % interval, `decision` says what may be concluded, and `answer` says it in words. Runs that
    screened changes are left out where there are others. docs/statistics.md explains every column.

    Parameters
    ----------
    paths
        Runs, sweeps, or folders above them.
    baseline
        Compare with the runs that have these values, such as "model.cell=gru", instead of the sweep's own
        baseline.

    Raises
    ------
    InputError
        No path is given, a folder has no run, or no run has the values of the baseline.

    Examples
    --------
    >>> effects = musicgen.compare("outputs/sweep")
    >>> loss = effects[effects["metric"] == "fit/validation_loss"]
    >>> list(loss["parameter"])
    ['model.cell', 'training.learning_rate']
    """
    from musicgen.effects.effect import effects_frame
    from musicgen.effects.pairing import pair_runs, read_baseline
    from musicgen.effects.table import effects_table
    from musicgen.records.ratings import find_ratings, with_ratings

    runs, folders = _found_runs(paths), [Path(path) for path in paths]
    only = folders[0] if len(folders) == 1 and folders[0].is_dir() else None
    rated = with_ratings(runs, find_ratings(runs, only))
    values = read_baseline([baseline] if isinstance(baseline, str) else baseline)
    return effects_frame(effects_table(pair_runs(rated, values)))


def _found_runs(paths: Sequence[str | PathLike[str]]) -> "list[FoundRun]":
    from musicgen.records.runs import find_runs

    if not paths:
        raise InputError("a path is needed: a run or sweep directory, or a folder above them")
    return find_runs([Path(path) for path in paths])
