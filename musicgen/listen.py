"""`python -m musicgen.listen PATH...`: hear runs blind, rate them, and see what the ratings say."""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.errors import InputError, one_line
from musicgen.records.destination import check_new_session
from musicgen.run.uploads import upload_in_background
from musicgen.system.commands import exit_status, in_settled_environment
from musicgen.system.files import refuse_link
from musicgen.system.interruption import Terminated
from musicgen.system.web_server import check_port

if TYPE_CHECKING:
    from musicgen.corpus.config import DataConfig
    from musicgen.listening.database import Database
    from musicgen.listening.results import Results
    from musicgen.listening.service import Listening
    from musicgen.listening.session import Settings
    from musicgen.listening.sounds import Sounds
    from musicgen.records.record import RunRecord
    from musicgen.records.runs import FoundRun

DATABASES = {"ratings": "listening.sqlite", "pairs": "listening-pairs.sqlite"}
SOUNDS, TRACKED = "listening-sounds", "comet"
CACHE = Path("outputs/cache")
"""Of this machine, if it is there; not what a record names."""
DEFAULT_PORT = 8765
DEFAULT_NUM_TUNES, DEFAULT_NUM_ANCHORS = 16, 2


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m musicgen.listen",
        description="Serve a page, on this computer alone, on which people hear tunes of the runs blind and "
        "rate them. Called again, it goes on with the same session.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="run or sweep directories, or folders above them"
    )
    parser.add_argument("--ab", action="store_true", help="choose between baseline and arm, pair by pair")
    parser.add_argument(
        "--num-tunes",
        type=int,
        metavar="N",
        help="tunes of the runs (or pairs of them) that each person hears, the same number of every arm; "
        f"default: {DEFAULT_NUM_TUNES}",
    )
    parser.add_argument(
        "--num-anchors",
        type=int,
        metavar="N",
        help=f"hidden corpus tunes, and as many with shuffled notes; default: {DEFAULT_NUM_ANCHORS}",
    )
    parser.add_argument(
        "--criteria", nargs="+", metavar="NAME", help="of musicality variety structure emotion_and_style"
    )
    parser.add_argument(
        "--num-sets",
        type=int,
        metavar="N",
        help="sets of four tunes of one run for each arm, to judge how different they are; default: 0",
    )
    parser.add_argument(
        "--corpus",
        metavar="PATH",
        help="the runs' corpus, for hidden tunes of it: a file, folder or glob, or a name from conf/data; "
        "default: the one of conf/data that the runs name",
    )
    parser.add_argument(
        "--soundfont", metavar="FILE", help="an .sf2 file to play with; default: the built-in one"
    )
    parser.add_argument("--any-tune", action="store_true", help="also draw tunes whose bars are wrong")
    parser.add_argument("--seed", type=int, help="of the draw and of every order; default: any, recorded")
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="as musicgen.compare has it",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for ratings and tables; default: PATH, if there is one"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"default: {DEFAULT_PORT}; 0: any")
    parser.add_argument("--results", action="store_true", help="print the results so far, serve nothing")
    return parser.parse_args(arguments)


def listen(arguments: argparse.Namespace) -> None:
    """Draw a session or resume one, serve it until a signal, and print what it showed."""
    # numpy and scipy take a moment to import, which --help and a wrong argument should not wait for.
    from musicgen.listening.printing import print_results
    from musicgen.listening.service import Listening
    from musicgen.listening.sounds import Sounds, listening_config
    from musicgen.records.runs import find_runs

    check_port(arguments.port)
    runs = find_runs(arguments.paths)
    folder = _folder(arguments)
    path = folder / DATABASES["pairs" if arguments.ab else "ratings"]
    if arguments.results and not path.exists():
        raise InputError(f"{path}: no session has been held here")
    for name in (path.name, SOUNDS, TRACKED):
        if arguments.out is None:
            refuse_link(folder / name)
    sounds = Sounds(folder / SOUNDS, listening_config(runs[0].record, arguments.soundfont))
    if not path.exists():
        check_new_session(folder, is_choice=arguments.ab)
    database = _go_on(path, arguments) if path.exists() else _begin(path, runs, sounds, arguments)
    listening = Listening(database, sounds, runs, folder)
    ended_before = len(listening.results().listeners)
    terminated = None
    if not arguments.results:
        try:
            _serve(listening, arguments.port)
        except Terminated as signal:
            terminated = signal
    results = listening.results()
    print_results(results, database)
    if len(results.listeners) > ended_before:
        _track(results, runs[0], folder)
    print(folder)
    if terminated is not None:
        raise terminated


def _folder(arguments: argparse.Namespace) -> Path:
    if arguments.out is not None:
        return arguments.out
    return arguments.paths[0] if len(arguments.paths) == 1 and arguments.paths[0].is_dir() else Path()


def _begin(
    path: Path, runs: "Sequence[FoundRun]", sounds: "Sounds", arguments: argparse.Namespace
) -> "Database":
    """Draw a new session and render what will be heard."""
    from musicgen.effects.pairing import pair_runs, read_baseline
    from musicgen.listening.database import Database
    from musicgen.listening.session import draw_session

    settings = _settings(arguments)
    star = pair_runs(runs, read_baseline(arguments.baseline))
    if arguments.soundfont is None and (own := runs[0].soundfont):
        print(
            one_line(f"the built-in soundfont plays, not the runs' own ({own}): --soundfont FILE names one")
        )
    print("drawing and rendering the tunes ...", flush=True)
    corpus = _corpus_of(runs[0].record, arguments.corpus)
    drawn = draw_session(star, settings, sounds.play, corpus, CACHE if CACHE.is_dir() else None)
    locks = runs[0].record.has_locks
    return Database.create(path, settings, drawn.items, drawn.remarks, locks=locks)


def _corpus_of(record: "RunRecord", place: str | None) -> "DataConfig | None":
    """Where this machine has the runs' corpus, or None: a place named here, or the same corpus of conf/data.

    The record may come from somebody else, so its own path and address are compared, and never used.
    """
    # Hydra takes a moment to import, which --help should not wait for.
    from musicgen.config import corpus_names, data_config

    if place is not None:
        return data_config(place)
    data = record.config.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(data, dict) or name not in corpus_names():
        return None
    corpus = data_config(str(name))
    same = all(data.get(field) == getattr(corpus, field) for field in ("source", "path", "url", "sha256"))
    return corpus if same else None


def _settings(arguments: argparse.Namespace) -> "Settings":
    from musicgen.listening.session import PAIRS, RATINGS, Settings
    from musicgen.records.criteria import CRITERIA, check_criteria

    num_tunes, num_anchors, num_sets = (
        default if given is None else given
        for given, default in (
            (arguments.num_tunes, DEFAULT_NUM_TUNES),
            (arguments.num_anchors, DEFAULT_NUM_ANCHORS),
            (arguments.num_sets, 0),
        )
    )
    for option, number, least in (
        ("--num-tunes", num_tunes, 1),
        ("--num-anchors", num_anchors, 0),
        ("--num-sets", num_sets, 0),
    ):
        if number < least:
            raise InputError(f"{option} {number}: at least {least} is needed")
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    if seed < 0:
        raise InputError(f"--seed {seed}: at least 0 is needed")
    criteria = check_criteria(arguments.criteria or list(CRITERIA))
    mode = PAIRS if arguments.ab else RATINGS
    return Settings(mode, num_tunes, num_anchors, tuple(criteria), arguments.any_tune, seed, num_sets)


def _go_on(path: Path, arguments: argparse.Namespace) -> "Database":
    """The session that is there; InputError where other settings are asked for than it has."""
    from musicgen.listening.database import Database
    from musicgen.records.criteria import check_criteria

    database = Database(path)
    settings = database.settings
    asked = {
        "num_tunes": arguments.num_tunes,
        "num_anchors": arguments.num_anchors,
        "num_sets": arguments.num_sets,
        "seed": arguments.seed,
        "criteria": arguments.criteria and tuple(check_criteria(arguments.criteria)),
        "any_tune": arguments.any_tune or None,
    }
    for name, value in asked.items():
        if value is not None and value != getattr(settings, name):
            raise InputError(
                f"--{name.replace('_', '-')}: the session in {path} has {getattr(settings, name)}, and its "
                "ratings cannot be mixed with others; --out DIR begins another one"
            )
    print(
        f"going on with the session of {database.created_at}, listeners so far: {len(database.listeners())}"
    )
    return database


def _serve(listening: "Listening", port: int) -> None:
    """Answer the page until Ctrl-C."""
    from musicgen.listening.server import ListeningServer
    from musicgen.listening.session import num_trials

    listening.render()
    server = ListeningServer(listening, port)
    for remark in listening.database.remarks:
        print(one_line(remark))
    count = num_trials(list(listening.database.items.values()))
    print(f"{count} to judge for each listener; Ctrl-C ends the page, every answer is saved at once")
    server.serve_until_interrupted()


def _track(results: "Results", run: "FoundRun", folder: Path) -> None:
    """Put the tables on the sweep's experiment on Comet, or on one of their own where the sweep has none."""
    from musicgen.records.runs import sweep_directory
    from musicgen.tracking.archive import experiment_key
    from musicgen.tracking.comet import CometTracker
    from musicgen.tracking.config import tracker_config

    config = tracker_config(run.record.config)
    if config.kind != "comet":
        return
    sweep = next(iter(sorted((sweep_directory(run) / "comet").glob("*.zip"))), None)
    name = f"listening {folder.resolve().name}" if sweep is None else None
    continues = None if sweep is None else experiment_key(sweep)
    tracker = CometTracker(config, folder / TRACKED, name, ["listening"], continues=continues)
    tracker.log_metrics(results.means)
    for path in results.written:
        tracker.log_file(path)
    tracker.end()
    upload_in_background(folder, config, locks=run.record.has_locks)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parse_arguments(arguments)
    return exit_status(lambda: listen(parsed))


if __name__ == "__main__":
    sys.exit(in_settled_environment(main))
