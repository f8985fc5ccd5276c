"""What a report contains, section by section, worked out before any page is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from musicgen.effects.answers import Answer, MetricAnswers, answers_on
from musicgen.effects.figures.study import change_label
from musicgen.effects.pairing import Arm
from musicgen.effects.screening import fate
from musicgen.effects.trades import headline_trades, trade_sentences
from musicgen.metrics.registry import summary_metrics
from musicgen.records.naming import level_of, parameter_name, shown_level, tune_name
from musicgen.records.sampled_tunes import Song, read_songs
from musicgen.reporting.advice import Advice, best_settings, what_to_try_next
from musicgen.reporting.best_songs import JudgedSong, Triage, best_songs, judge_songs, triage
from musicgen.reporting.figures import SEARCH, ShownPlot, shown_plots
from musicgen.reporting.forest import Forest, draw_forest
from musicgen.reporting.players import Player, make_players
from musicgen.reporting.run_findings import RunFindings, findings_by_run
from musicgen.reporting.run_table import (
    BaselineMetric,
    RunRow,
    arm_words,
    baseline_metrics,
    run_row,
    run_words,
    table_metrics,
)
from musicgen.reporting.side_by_side import Comparison, comparisons
from musicgen.reporting.study_data import StudyData
from musicgen.system.words import counted, duration, listed

_NUM_DRAWN_IN_TRIAGE = 3


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What the command line chooses."""

    pairs: int = 2
    """Tunes of each change to put next to the baseline's."""
    best: int = 10
    """Number of best songs to show."""
    soundfont: str | None = None
    """A file to play them with; None for the built-in one."""


@dataclass(frozen=True, slots=True)
class ScreeningRow:
    """A change in the first stage of a study in two."""

    change: str
    differences: Sequence[float | None]
    """In each primary metric."""
    size: str
    looks: str
    """What was seen in the metric in which it is largest."""
    fate: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the pages show."""

    study: StudyData
    facts: str
    """How much was run, in one line."""
    primary: Sequence[MetricAnswers]
    headline: Sequence[MetricAnswers]
    trades: Sequence[str]
    """What each change gets better and what worse, a line each."""
    baseline_metrics: Sequence[BaselineMetric]
    forests: Sequence[Forest]
    """The effects, primary metrics first."""
    plots: Mapping[str, ShownPlot]
    comparisons: Sequence[Comparison]
    num_songs: int
    num_melodies: int
    best: Sequence[JudgedSong]
    triage: Sequence[Triage]
    players: Mapping[tuple[str, int], Player]
    metrics: Sequence[str]
    """The metric columns of the runs table."""
    runs: Sequence[RunRow]
    best_settings: Sequence[str]
    advice: Sequence[Advice]
    rebuild: str
    """The command that makes this report."""
    soundfont: str | None
    """The file that songs are played with; None for the built-in one."""

    @property
    def no_best(self) -> str:
        """Why no song is shown as one of the best; "" if there are any."""
        if self.best:
            return ""
        if not self.num_songs:
            return "No run has sampled a tune."
        if self.triage[0].count:
            return "No sound tune was kept, or none was requested."
        return f"None of the {self.num_songs:,} sampled tunes is sound, so none is shown as one of the best."

    @property
    def draws(self) -> list[str]:
        """For each run that kept only some of its draws, how many and why."""
        return [
            f"{run_words(run, self.study)}, seed {run.record.seed}: {' '.join(run.record.draws.split())}"
            for run in self.study.all_runs
            if run.record.draws
        ]

    @property
    def curves(self) -> list[ShownPlot]:
        """The figures of the curves section; the page draws the effects itself."""
        return [shown for name, shown in self.plots.items() if name not in ("effects", *SEARCH)]

    @property
    def search_plots(self) -> list[ShownPlot]:
        """The figures of a search."""
        return [self.plots[name] for name in SEARCH if name in self.plots]

    @property
    def dose_responses(self) -> list[ShownPlot]:
        """The figures of a metric over the levels of one parameter."""
        return [shown for name, shown in self.plots.items() if name.startswith("dose_response_")]

    @property
    def screening(self) -> list[ScreeningRow]:
        """What a first stage saw of each change, the largest first."""
        study = self.study
        return [
            ScreeningRow(
                " ".join(change_label(one.change.parameter, one.change.value).split()),
                [one.differences.get(metric) for metric in study.primary_metrics],
                one.shown_size,
                one.looks,
                fate(one.change, study.confirmed),
            )
            for one in study.screening
        ]

    def place(self, song: Song) -> str:
        """Where a song comes from, such as "cell=gru, seed 0, tune 12"."""
        return f"{self._run_name(song)}, tune {song.index}"

    def name(self, song: Song) -> str:
        """The song outside of its page, such as "Tune 12 of cell=gru, seed 0"."""
        return tune_name(song.title, song.index, self._run_name(song))

    def _run_name(self, song: Song) -> str:
        return f"{run_words(song.run, self.study)}, seed {song.run.record.seed}"

    def outcomes(self, arm: Arm) -> list[Answer]:
        """What an arm did to the primary metrics."""
        words = arm_words(arm)
        return [answer for found in self.primary for answer in found.answers if answer.change == words]

    @property
    def findings_by_run(self) -> dict[str, RunFindings]:
        """Run identity -> its findings, in the order of the runs table."""
        return findings_by_run(self.study)

    @property
    def versions(self) -> str:
        """The programs that made the first run, with their versions."""
        versions = self.study.all_runs[0].record.versions
        return ", ".join(f"{name} {version}" for name, version in versions.items())

    @property
    def changed(self) -> str:
        """What the study changed, in a sentence."""
        study = self.study
        if study.search:
            return f"{study.search.count()}; searched: {listed(study.search.parameters)}."
        levels: dict[str, list[str]] = {}
        base: dict[str, str] = {}
        for arm in study.paired.arms:
            assert arm.change is not None
            name = parameter_name(arm.change.parameter)
            levels.setdefault(name, []).append(shown_level(level_of(arm.change.value)))
            base[name] = shown_level(level_of(arm.change.baseline_value))
        if not levels:
            return "No change was tried: there is only the baseline."
        changes = "; ".join(
            f"{name} from {base[name]} to {listed(values)}" for name, values in levels.items()
        )
        if study.confirmed and study.screening:
            number = counted(len(study.screening), "change")
            return (
                f"A first stage screened {number}. The second judged the largest, one at a time: {changes}."
            )
        return f"One thing at a time, everything else as in the baseline: {changes}."

    @property
    def listeners_words(self) -> str:
        """How much listeners rated and wrote down, in a sentence."""
        study = self.study
        if not study.listening and not study.findings:
            return "The songs have not been rated or described yet, so how they sound is unknown."
        rated = f"{len(study.ratings)} songs were rated" if study.listening else "No song was rated"
        return f"{rated}, and {counted(len(study.findings), 'finding')} recorded."


def make_report(study: StudyData, folder: Path, options: ReportOptions, *, embedded: bool = False) -> Report:
    """Work everything out, and render the songs of the page into `folder`.

    embedded: the page will contain the songs itself, so `folder` may be removed afterwards.
    """
    songs_of = cache(read_songs)
    songs = [song for run in study.all_runs for song in songs_of(run)]
    judged = judge_songs(songs, study.ratings)
    words_of = {run.record.run_id: run_words(run, study) for run in study.all_runs}

    def name_of(song: Song) -> str:
        record = song.run.record
        return tune_name(song.title, song.index, f"{words_of[record.run_id]}, seed {record.seed}")

    best = best_songs(judged, options.best, lambda song: words_of[song.run.record.run_id])
    classes = triage(judged, _NUM_DRAWN_IN_TRIAGE) if judged else []
    compared = comparisons(study.paired, songs_of, options.pairs)
    pairs = [pair for comparison in compared for pair in comparison.pairs]
    shown = [
        *(song for pair in pairs for song in (pair.baseline, pair.changed)),
        *(one.song for one in best),
        *(one.song for kind in classes for one in kind.drawn),
    ]
    metrics = table_metrics(study)
    headline = answers_on(study.effects, dict.fromkeys([*study.primary_metrics, *summary_metrics()]))
    forests = [draw_forest(found, study.margin(found.metric)) for found in headline]
    return Report(
        study=study,
        facts=_facts(study, songs),
        primary=answers_on(study.effects, study.primary_metrics),
        headline=headline,
        trades=trade_sentences(headline_trades(study.effects, study.primary_metrics, study.paired.runs)),
        forests=[forest for forest in forests if forest is not None],
        baseline_metrics=baseline_metrics(study),
        plots=shown_plots(study),
        comparisons=compared,
        num_songs=len(songs),
        num_melodies=len(judged),
        best=best,
        triage=classes,
        players=make_players(shown, folder, embedded=embedded, soundfont=options.soundfont, name_of=name_of),
        metrics=metrics,
        runs=[run_row(run, metrics, study) for run in study.all_runs],
        best_settings=best_settings(study),
        advice=what_to_try_next(study),
        rebuild=f"python -m musicgen.report {study.address}",
        soundfont=options.soundfont,
    )


def _facts(study: StudyData, songs: Sequence[Song]) -> str:
    runs = study.all_runs
    seeds = {run.record.seed for run in runs}
    trained = sum(run.record.timing.get("trained_iterations") or 0 for run in runs)
    reused = sum(run.record.timing.get("reused_iterations") or 0 for run in runs)
    seconds = sum(run.record.timing.get("train_seconds") or 0 for run in runs)
    corpora = dict.fromkeys(str(run.record.corpus.get("name", "unknown")) for run in runs)
    num_kept = sum(song.is_kept for song in songs)
    parts = [
        counted(len(runs), "run"),
        counted(len(study.screening or study.paired.arms), "change"),
        counted(len(seeds), "seed"),
        "no training: all from the store"
        if reused and not trained
        else f"{trained:,.0f} iterations trained in {duration(seconds)}",
        f"{len(songs):,} tunes sampled"
        + (f", {num_kept:,} of them kept" if any(run.record.draws for run in runs) else ""),
        f"corpus {', '.join(corpora)}",
    ]
    if study.failures:
        parts.insert(1, f"{len(study.failures)} not complete")
    return " · ".join(parts)
