"""What stands in a report, section by section, worked out before any page is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from musicgen.effects import pairing
from musicgen.effects.effect import level_of, shown_level
from musicgen.metrics.registry import HEADLINE
from musicgen.records.sampled_tunes import Song, read_songs
from musicgen.reporting import board, pairs
from musicgen.reporting.advice import Advice, best_settings, what_to_try_next
from musicgen.reporting.answers import Answer, MetricAnswers, Outcome, answers_on, listed
from musicgen.reporting.board import Judged, Triage
from musicgen.reporting.figures import SEARCH, ShownPlot, shown_plots
from musicgen.reporting.forest import Forest, draw_forest
from musicgen.reporting.labels import arm_words, run_words
from musicgen.reporting.material import Material
from musicgen.reporting.notebook import Citable, RunNotes, anchor_of, citable, notebook
from musicgen.reporting.pairs import Comparison
from musicgen.reporting.players import Player, make_players
from musicgen.reporting.rows import (
    Level,
    RunRow,
    baseline_levels,
    run_row,
    table_metrics,
)

_DRAWN_IN_TRIAGE = 3


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line asks for."""

    pairs: int = 2
    """Tunes of each change to put beside the baseline's."""
    best: int = 10
    """Songs on the board."""
    soundfont: str | None = None
    """A file to play them with; None for the built-in one."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A report."""

    material: Material
    facts: str
    """How much was run, in a sentence."""
    primary: Sequence[MetricAnswers]
    headline: Sequence[MetricAnswers]
    levels: Sequence[Level]
    forests: Sequence[Forest]
    """The effects, primary metrics first."""
    plots: Mapping[str, ShownPlot]
    comparisons: Sequence[Comparison]
    num_songs: int
    num_melodies: int
    best: Sequence[Judged]
    triage: Sequence[Triage]
    players: Mapping[tuple[str, int], Player]
    metrics: Sequence[str]
    """Of the runs table."""
    runs: Sequence[RunRow]
    best_settings: Sequence[str]
    advice: Sequence[Advice]
    rebuild: str
    """The command that makes this report."""
    soundfont: str | None
    """That the songs are played with; None for the built-in one."""

    @property
    def has_success(self) -> bool:
        """Whether any song passes every gate."""
        return any(not one.failed for one in self.best)

    @property
    def primary_forests(self) -> list[Forest]:
        """Those of the primary metrics."""
        return [one for one in self.forests if one.answers.metric in self.material.primary_metrics]

    @property
    def exploratory_forests(self) -> list[Forest]:
        """Those of the other headline metrics."""
        return [one for one in self.forests if one.answers.metric not in self.material.primary_metrics]

    @property
    def curves(self) -> list[ShownPlot]:
        """The figures that the page shows; the effects it draws itself."""
        return [shown for name, shown in self.plots.items() if name not in ("effects", *SEARCH)]

    @property
    def search_plots(self) -> list[ShownPlot]:
        """Those of the search."""
        return [self.plots[name] for name in SEARCH if name in self.plots]

    @property
    def dose_responses(self) -> list[ShownPlot]:
        """The figures over the levels of one parameter each."""
        return [shown for name, shown in self.plots.items() if name.startswith("dose_response_")]

    def player(self, song: Song) -> Player:
        """The player of a song that is on the page."""
        return self.players[song.key]

    def place(self, song: Song) -> str:
        """Where a song comes from, such as "model.cell = gru, seed 0, tune 12"."""
        return f"{run_words(song.run, self.material)}, seed {song.run.record.seed}, tune {song.index}"

    def outcomes(self, arm: pairing.Arm) -> list[Answer]:
        """What an arm did to the primary metrics."""
        words = arm_words(arm)
        return [answer for found in self.primary for answer in found.answers if answer.change == words]

    def arm_words(self, arm: pairing.Arm) -> str:
        """Such as "model.cell = gru"."""
        return arm_words(arm)

    @property
    def notebook(self) -> list[RunNotes]:
        """What was written down about each run."""
        return notebook(self.material)

    @property
    def notes_by_run(self) -> dict[str, RunNotes]:
        """The same by run identity."""
        return {notes.run_id: notes for notes in self.notebook}

    @property
    def citable(self) -> Citable:
        """The effects that a finding can rest on."""
        return citable(self.material)

    def anchor(self, song: Song) -> str:
        """The place on the page of what was written about the song's run."""
        return anchor_of(song.run.record.run_id)

    @property
    def versions(self) -> str:
        """The programs that made the first run."""
        versions = self.material.all_runs[0].record.versions
        return ", ".join(f"{name} {version}" for name, version in versions.items())

    @property
    def changed(self) -> str:
        """What the study changed, in a sentence."""
        material = self.material
        if material.search:
            return f"{material.search.count()}; searched: {listed(material.search.parameters)}."
        levels: dict[str, list[str]] = {}
        base: dict[str, str] = {}
        for arm in material.star.arms:
            assert arm.change is not None
            levels.setdefault(arm.change.parameter, []).append(shown_level(level_of(arm.change.value)))
            base[arm.change.parameter] = shown_level(level_of(arm.change.baseline_value))
        if not levels:
            return "Nothing: there is no change beside the baseline."
        told = "; ".join(
            f"{name} from {base[name]} to {' and '.join(values)}" for name, values in levels.items()
        )
        return f"One thing at a time, everything else as in the baseline: {told}."

    @property
    def heard(self) -> list[str]:
        """What listeners say, in sentences."""
        material = self.material
        if not material.listening and not material.findings:
            return ["Nobody has rated or described the songs yet, so this says nothing of how they sound."]
        rated = f"{len(material.ratings)} songs were rated" if material.listening else "No song was rated"
        return [f"{rated}, and {_count(len(material.findings), 'finding')} written down."]

    def is_shown(self, outcome: Outcome) -> bool:
        """Whether a group of answers is told at once, and not only when asked for."""
        return outcome in {Outcome.BETTER, Outcome.WORSE, Outcome.CHANGED, Outcome.CANDIDATE}


def compose(material: Material, folder: Path, choices: Choices, *, embedded: bool = False) -> Contents:
    """Work everything out, and render the songs of the page into `folder`.

    embedded: the page is to hold the songs itself, so that the folder may be removed afterwards.
    """
    songs_of = cache(read_songs)
    songs = [song for run in material.all_runs for song in songs_of(run)]
    judged = board.judge(songs, material.ratings)
    best = board.best_songs(judged, choices.best)
    triage = board.triage(judged, _DRAWN_IN_TRIAGE) if judged else []
    compared = pairs.comparisons(material.star, songs_of, choices.pairs)
    shown = [
        *(
            song
            for comparison in compared
            for pair in comparison.pairs
            for song in (pair.baseline, pair.changed)
        ),
        *(one.song for one in best),
        *(one.song for drawn in triage for one in drawn.drawn),
    ]
    metrics = table_metrics(material)
    headline = answers_on(material, dict.fromkeys([*material.primary_metrics, *HEADLINE]))
    forests = [draw_forest(found, material.margin(found.metric)) for found in headline]
    return Contents(
        material=material,
        facts=_facts(material, len(songs)),
        primary=answers_on(material, material.primary_metrics),
        headline=headline,
        forests=[forest for forest in forests if forest is not None],
        levels=baseline_levels(material),
        plots=shown_plots(material),
        comparisons=compared,
        num_songs=len(songs),
        num_melodies=len(judged),
        best=best,
        triage=triage,
        players=make_players(shown, folder, embedded=embedded, soundfont=choices.soundfont),
        metrics=metrics,
        runs=[run_row(run, metrics, material) for run in material.all_runs],
        best_settings=best_settings(material),
        advice=what_to_try_next(material),
        rebuild=f"python -m musicgen.report {material.address}",
        soundfont=choices.soundfont,
    )


def _facts(material: Material, num_songs: int) -> str:
    runs = material.all_runs
    seeds = {run.record.seed for run in runs}
    trained = sum(run.record.timing.get("trained_iterations") or 0 for run in runs)
    seconds = sum(run.record.timing.get("train_seconds") or 0 for run in runs)
    corpora = dict.fromkeys(str(run.record.corpus.get("name", "unknown")) for run in runs)
    parts = [
        _count(len(runs), "run"),
        _count(len(material.star.arms), "change"),
        _count(len(seeds), "seed"),
        f"{trained:,.0f} iterations trained in {_duration(seconds)}",
        f"{num_songs:,} tunes sampled",
        f"corpus {', '.join(corpora)}",
    ]
    if material.failures:
        parts.insert(1, f"{len(material.failures)} of them not complete")
    return " · ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
