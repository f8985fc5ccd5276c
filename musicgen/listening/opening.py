"""Starting a listening session, or resuming the one in its folder."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.effects.pairing import pair_runs, read_baseline
from musicgen.errors import InputError, one_line
from musicgen.listening.database import Database
from musicgen.listening.service import ListeningService
from musicgen.listening.session import PAIRS, RATINGS, DrawnSession, Settings, draw_session
from musicgen.listening.session_file import create_file
from musicgen.listening.sounds import Sounds, listening_config
from musicgen.records.criteria import CRITERIA, check_criteria
from musicgen.records.destination import check_new_session
from musicgen.records.known_corpus import CACHE, known_corpus
from musicgen.records.runs import FoundRun, find_runs
from musicgen.system.files import refuse_link
from musicgen.system.words import counted

DATABASES = {RATINGS: "listening.sqlite", PAIRS: "listening-pairs.sqlite"}
SOUNDS, TRACKED = "listening-sounds", "comet"
_DEFAULTS = {"num_tunes": 16, "num_anchors": 2, "num_sets": 0, "max_seconds": 60}
_MINIMA = {"num_tunes": 1, "num_anchors": 0, "num_sets": 0, "max_seconds": 1, "seed": 0}
_MAX_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Options:
    """The command line; None means that the option was not given."""

    paths: Sequence[Path]
    out: Path | None
    ab: bool
    results: bool
    num_tunes: int | None
    num_anchors: int | None
    num_sets: int | None
    criteria: list[str] | None
    max_seconds: int | None
    any_tune: bool | None
    seed: int | None
    corpus: str | None
    soundfont: str | None
    baseline: Sequence[str]
    port: int


def open_session(options: Options) -> ListeningService:
    """Resume the session in its folder, or draw and render a new one.

    Raises InputError if the runs cannot be read, if the session there has other settings than the options
    ask for, or if there are no results yet to print.
    """
    runs = find_runs(options.paths)
    folder = _folder(options)
    mode = PAIRS if options.ab else RATINGS
    path = folder / DATABASES[mode]
    if options.results and not path.exists():
        raise InputError(f"{path}: the session has not been started yet")
    for name in (path.name, SOUNDS, TRACKED):
        if options.out is None:
            refuse_link(folder / name)
    database = _resume(path, options) if path.exists() else None
    settings = database.settings if database else _settings(options, mode)
    config = listening_config(runs[0].record, settings.max_seconds, options.soundfont)
    sounds = Sounds(folder / SOUNDS, config, has_repeats=settings.has_repeats)
    if database is None:
        check_new_session(folder, is_choice=options.ab)
        database = _start(path, runs, sounds, settings, options)
    return ListeningService(database, sounds, runs, folder)


def _folder(options: Options) -> Path:
    if options.out is not None:
        return options.out
    return options.paths[0] if len(options.paths) == 1 and options.paths[0].is_dir() else Path()


def _start(
    path: Path, runs: Sequence[FoundRun], sounds: Sounds, settings: Settings, options: Options
) -> Database:
    paired = pair_runs(runs, read_baseline(options.baseline))
    if options.soundfont is None and (own := runs[0].soundfont):
        print(
            one_line(f"playing with the built-in soundfont, not the runs' own ({own}): see --soundfont FILE")
        )
    print("drawing and rendering the tunes ...", flush=True)
    record = runs[0].record
    corpus = known_corpus(record, options.corpus)
    drawn = draw_session(paired, settings, sounds.play, corpus, CACHE if CACHE.is_dir() else None)
    remarks = [*drawn.remarks, *_cut_remark(drawn, sounds, settings)]
    create_file(path, settings, drawn.items, remarks, drawn.samples, locks=record.has_locks)
    return Database(path)


def _cut_remark(drawn: DrawnSession, sounds: Sounds, settings: Settings) -> list[str]:
    heard = [stimulus.stimulus_id for item in drawn.items for stimulus in item.stimuli]
    num_cut = len(sounds.cut.intersection(heard))
    remark = f"{num_cut} of {len(heard)} tunes fade out at {settings.max_seconds} s, before their end"
    return [f"{remark}: see --max-seconds"] if num_cut else []


def _settings(options: Options, mode: str) -> Settings:
    numbers = {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in (_DEFAULTS | {"seed": secrets.randbits(32)}).items()
    }
    for name, minimum in _MINIMA.items():
        if numbers[name] < minimum:
            raise InputError(f"--{name.replace('_', '-')} {numbers[name]}: must be at least {minimum}")
    if numbers["max_seconds"] > _MAX_SECONDS:
        raise InputError(f"--max-seconds {numbers['max_seconds']}: must be at most {_MAX_SECONDS}")
    criteria = tuple(check_criteria(options.criteria or list(CRITERIA)))
    any_tune = options.any_tune is not False
    return Settings(mode=mode, criteria=criteria, any_tune=any_tune, has_repeats=False, **numbers)


def _resume(path: Path, options: Options) -> Database:
    database = Database(path)
    wanted = {name: getattr(options, name) for name in _MINIMA}
    wanted["criteria"] = options.criteria and tuple(check_criteria(options.criteria))
    for name, value in wanted.items():
        kept = getattr(database.settings, name)
        if value is not None and value != kept:
            raise InputError(
                f"--{name.replace('_', '-')}: the session in {path} has {kept}, and ratings of different "
                "sessions cannot be mixed; use --out DIR to start another session"
            )
    any_tune = database.settings.any_tune
    if options.any_tune not in (None, any_tune):
        drawn = "all tunes" if any_tune else "valid tunes only"
        raise InputError(
            f"{path}: the session was drawn from {drawn}; use --out DIR to start another session"
        )
    who = counted(len(database.listeners()), "listener")
    print(f"resuming the session of {database.created_at} with {who} so far")
    return database
