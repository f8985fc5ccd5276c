"""A small study whose tunes can be played, and listeners who rate it."""

import csv
import hashlib
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import load_corpus
from musicgen.effects.pairing import pair_runs
from musicgen.listening.database import Database, Listener
from musicgen.listening.service import ListeningService
from musicgen.listening.session import PAIRS, RATINGS, Settings, draw_session
from musicgen.listening.session_file import create_file
from musicgen.listening.sounds import Sounds, listening_config
from musicgen.records.criteria import CRITERIA
from musicgen.records.runs import FoundRun, find_runs
from tests.records.made_runs import LOSS, RATE, made_run, written
from tests.soak.commands import write_tunebook

RENDERING = {
    "num_tunes": 0,
    "audio_format": "wav",
    "sample_rate": 8000,
    "tempo": 240,
    "instrument": 73,
    "soundfont": None,
    "loudness_dbfs": -20.0,
    "max_seconds": 120.0,
    "score": True,
    "piano_roll": True,
    "plots": True,
    "timeout_seconds": 600.0,
}
BASELINE, CHANGED = "baseline", "model.cell=gru"
NUM_TUNES = 8
"""Tunes per run; the last one is not valid."""


def short_tune(number: int) -> str:
    """Two bars, two seconds, with notes that depend on `number`."""
    letters = "CDEFGABc"
    bars = [
        "".join(letters[(number * (bar + 3) + step * (number % 5 + 1)) % 8] for step in range(8))
        for bar in (0, 1)
    ]
    return f"M:4/4\nL:1/8\nK:C\n{bars[0]}|{bars[1]}|]"


def corpus_config(folder: Path) -> dict[str, object]:
    """The data group of a corpus file with forty tunes."""
    return {
        "name": "file",
        "source": "files",
        "path": str(write_tunebook(folder)),
        "url": None,
        "sha256": None,
        "clean": True,
        "keep_fields": ["X", "T", "R", "M", "L", "K"],
        "validation_share": 0.2,
        "test_share": 0.1,
        "near_duplicate_share": None,
        "split_seed": 0,
    }


def corpus_of(run: FoundRun) -> DataConfig:
    """The corpus of `write_study`, for a machine that has it."""
    return DataConfig(**run.record.config["data"])  # pyright: ignore


def write_study(folder: Path, seeds: int = 2) -> Path:
    """Write a sweep of two arms; returns its directory."""
    data = corpus_config(folder)
    digest = load_corpus(DataConfig(**data)).sha256  # pyright: ignore[reportArgumentType]
    for arm, cell in ((BASELINE, "lstm"), (CHANGED, "gru")):
        for seed in range(seeds):
            run = made_run(
                f"sweep/{arm}/seed={seed}",
                seed=seed,
                overrides={"model.cell": cell},
                change=None if arm == BASELINE else ("model.cell", "gru", "lstm"),
                run_id=hashlib.sha256(f"{arm}{seed}".encode()).hexdigest()[:16],
                metrics={LOSS: 1.5 + 0.1 * seed - 0.2 * (cell == "gru"), RATE: 0.8},
                split_seed=0,
            )
            run.record.config = {**run.record.config, "rendering": RENDERING, "data": data}
            run.record.corpus = {"name": "file", "sha256": digest}
            directory = written(run, folder)
            first = 100 * seed + 50 * (cell == "gru")
            write_tunes(
                directory, run.record.run_id, [short_tune(first + place) for place in range(NUM_TUNES)]
            )
    (folder / "sweep" / "plan.csv").write_text("arm\n", encoding="utf-8")
    return folder / "sweep"


def write_tunes(directory: Path, run_id: str, tunes: list[str]) -> None:
    """Write tunes.abc and tunes.csv as a run does."""
    book = "".join(
        f'X:{number}\nN:musicgen run {run_id}, lstm, seed 0, temperature 0.7, prompt "X:"\n{tune}\n\n'
        for number, tune in enumerate(tunes, start=1)
    )
    (directory / "tunes.abc").write_text(book, encoding="utf-8")
    with (directory / "tunes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, ["index", "is_valid", "parses", "num_notes", "distinct_bars", "lag_repeat"]
        )
        writer.writeheader()
        for index in range(len(tunes)):
            row = {"index": index, "is_valid": index < len(tunes) - 1, "parses": True}
            writer.writerow(row | {"num_notes": 16 + index, "distinct_bars": index / 10, "lag_repeat": ""})


def settings(
    mode: str = RATINGS,
    num_tunes: int = 8,
    num_anchors: int = 1,
    *,
    num_sets: int = 0,
    any_tune: bool = True,
) -> Settings:
    """Settings of a small session."""
    return Settings(mode, num_tunes, num_anchors, tuple(CRITERIA), any_tune, 7, num_sets, 60, False)


def begin(sweep: Path, wanted: Settings | None = None) -> ListeningService:
    """Draw and render a session of the study."""
    wanted = wanted or settings()
    runs = find_runs([sweep])
    config = listening_config(runs[0].record, wanted.max_seconds)
    sounds = Sounds(sweep / "listening-sounds", config, has_repeats=wanted.has_repeats)
    drawn = draw_session(pair_runs(runs), wanted, sounds.play, corpus_of(runs[0]))
    path = sweep / "listening.sqlite"
    create_file(path, wanted, drawn.items, drawn.remarks, drawn.samples, locks=True)
    return ListeningService(Database(path), sounds, runs, sweep)


def rate_all(database: Database, name: str, points: dict[str, int]) -> Listener:
    """Rate every tune with its arm's point, in every criterion, and end."""
    listener = database.enter(name)
    for trial in database.trials(listener.listener_id):
        heard = [database.stimuli[str(database.stimulus_of(sound))] for sound in trial.sound_ids]
        if database.settings.mode == PAIRS:
            arms = [one.arm for one in heard]
            better = max(arms, key=lambda arm: points[arm])
            database.answer(listener.listener_id, trial.trial_id, "preference", arms.index(better) + 1)
            continue
        for criterion in trial.questions:
            database.answer(listener.listener_id, trial.trial_id, criterion, points[heard[0].arm])
    database.end(listener.listener_id)
    return listener
