"""Starting a listening session, or resuming the one in its folder."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.config import corpus_names, data_config
from musicgen.corpus.config import DataConfig
from musicgen.effects.pairing import pair_runs, read_baseline
from musicgen.errors import InputError, one_line
from musicgen.listening.database import Database
from musicgen.listening.service import ListeningService
from musicgen.listening.session import PAIRS, RATINGS, Settings, draw_session
from musicgen.listening.sounds import Sounds, listening_config
from musicgen.records.criteria import CRITERIA, check_criteria
from musicgen.records.destination import check_new_session
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun, find_runs
from musicgen.system.files import refuse_link

DATABASES = {RATINGS: "listening.sqlite", PAIRS: "listening-pairs.sqlite"}
SOUNDS, TRACKED = "listening-sounds", "comet"
_CACHE = Path("outputs/cache")
"""This machine's cache of corpora, used if it exists; never the one that a record names."""
_DEFAULTS = {"num_tunes": 16, "num_anchors": 2, "num_sets": 0}
_MINIMA = {"num_tunes": 1, "num_anchors": 0, "num_sets": 0, "seed": 0}


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
    any_tune: bool
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
    sounds = Sounds(folder / SOUNDS, listening_config(runs[0].record, options.soundfont))
    if path.exists():
        database = _resume(path, options)
    else:
        check_new_session(folder, is_choice=options.ab)
        database = _start(path, runs, sounds, _settings(options, mode), options)
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
    corpus = _corpus_of(record, options.corpus)
    drawn = draw_session(paired, settings, sounds.play, corpus, _CACHE if _CACHE.is_dir() else None)
    return Database.create(path, settings, drawn.items, drawn.remarks, locks=record.has_locks)


def _corpus_of(record: RunRecord, name_or_path: str | None) -> DataConfig | None:
    """The runs' corpus on this machine: as named here, or as conf/data has it; None if it is in neither.

    The record may come from somebody else, so its path and address are only compared, never used.
    """
    if name_or_path is not None:
        return data_config(name_or_path)
    data = record.config.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(data, dict) or name not in corpus_names():
        return None
    corpus = data_config(str(name))
    is_same = all(data.get(field) == getattr(corpus, field) for field in ("source", "path", "url", "sha256"))
    return corpus if is_same else None


def _settings(options: Options, mode: str) -> Settings:
    numbers = {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in (_DEFAULTS | {"seed": secrets.randbits(32)}).items()
    }
    for name, minimum in _MINIMA.items():
        if numbers[name] < minimum:
            raise InputError(f"--{name.replace('_', '-')} {numbers[name]}: must be at least {minimum}")
    criteria = check_criteria(options.criteria or list(CRITERIA))
    return Settings(mode=mode, criteria=tuple(criteria), any_tune=options.any_tune, **numbers)


def _resume(path: Path, options: Options) -> Database:
    database = Database(path)
    wanted = {name: getattr(options, name) for name in ("num_tunes", "num_anchors", "num_sets", "seed")}
    wanted["criteria"] = options.criteria and tuple(check_criteria(options.criteria))
    wanted["any_tune"] = options.any_tune or None
    for name, value in wanted.items():
        kept = getattr(database.settings, name)
        if value is not None and value != kept:
            raise InputError(
                f"--{name.replace('_', '-')}: the session in {path} has {kept}, and ratings of different "
                "sessions cannot be mixed; use --out DIR to start another session"
            )
    print(f"resuming the session of {database.created_at} with {len(database.listeners())} listeners so far")
    return database
