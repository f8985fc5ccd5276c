"""What to do after a run or a sweep, as lines that end in a file to play or a command to copy."""

import shlex
from pathlib import Path

from musicgen.errors import one_line
from musicgen.records.naming import override_text
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import read_songs
from musicgen.reporting.best_songs import JudgedSong

_CHANGED = "training.learning_rate"
"""The parameter of the example: every network has it, whatever else the run changed."""
_AUDIO = ("wav", "flac", "ogg")


def after_run(directory: Path, shown: Path) -> list[str]:
    """What to listen to first, how to draw more, how to see everything, and how to try one change.

    shown: the directory as the user would write it. Empty for a run that is not complete.
    """
    record = RunRecord.read(directory)
    if record.status != "complete":
        return []
    folder = shlex.quote(str(shown))
    first = _first_to_play(FoundRun(directory, record), shown)
    return [
        f"listen:  {first}" if first else "listen:  the report renders the best songs",
        f"play:    musicgen play {folder}",
        f"report:  musicgen report {folder}",
        f"compare: {_comparison(record)}",
    ]


def after_sweep(shown: Path) -> list[str]:
    """How to read the answers, and how to rate the songs."""
    folder = shlex.quote(str(shown))
    return [f"report:  musicgen report {folder}", f"listen:  musicgen listen {folder}"]


def _first_to_play(run: FoundRun, shown: Path) -> str:
    """The best tune that was rendered as audio, and what is good about it; "" if none was."""
    rendered = []
    for song in read_songs(run):
        names = (f"{song.index:03d}.{suffix}" for suffix in _AUDIO)
        name = next((name for name in names if (run.directory / "tunes" / name).is_file()), None)
        if name is not None:
            rendered.append((JudgedSong(song, None), shown / "tunes" / name))
    if not rendered:
        return ""
    best, file = min(rendered, key=lambda pair: pair[0].order)
    words = f"sound, {best.marks}" if best.is_sound else f"not sound: {best.song.judgement.words}"
    return one_line(f"{file} ({words})")


def _comparison(record: RunRecord) -> str:
    """A sweep of this run's config with one change, and three seeds."""
    training = record.config.get("training")
    rate = training.get("learning_rate") if isinstance(training, dict) else None
    assert isinstance(rate, float | int)
    levels = ",".join(override_text(level) for level in (rate, float(f"{rate / 2:.3g}")))
    own = [word for word in shlex.split(record.command)[3:] if not word.startswith(("seed=", f"{_CHANGED}="))]
    words = ["musicgen", "train", "--multirun", *own, f"{_CHANGED}={levels}", "seed=0,1,2"]
    return shlex.join(words)
