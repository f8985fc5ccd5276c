"""Loading what is played with."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from musicgen.errors import InputError
from musicgen.playing.nearest import NearestTunes
from musicgen.playing.networks import PlayedRun
from musicgen.playing.service import PlayingService
from musicgen.playing.shown import Renderer
from musicgen.playing.tunebook import Tunebook
from musicgen.records.known_corpus import CACHE, known_corpus
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun
from musicgen.rendering import Engraver
from musicgen.run.sound import sound_of_run

_SAMPLE_RATE = 24_000


@contextmanager
def open_player(
    directories: Sequence[Path], corpus: str | None = None, soundfont: str | None = None
) -> Iterator[PlayingService]:
    """Load the networks of one run, or of two to compare, and draw once, so that the page need not wait.

    corpus: the runs' corpus, a path or a name from conf/data. soundfont: a file to use instead of the
    built-in one. Raises InputError for a run without a network, and for two runs in one directory.
    """
    found = [FoundRun(directory, RunRecord.read(directory)) for directory in directories]
    if len(found) > 1 and len({run.directory.resolve() for run in found}) == 1:
        raise InputError(f"{directories[0]}: the two runs are the same")
    config = sound_of_run(found[0].record, sample_rate=_SAMPLE_RATE, soundfont=soundfont)
    runs = [PlayedRun(run) for run in found]
    nearest = _nearest_tunes(found, corpus)
    with Engraver(config.timeout_seconds) as engraver:
        book = Tunebook(found[0].directory, config)
        service = PlayingService(runs, nearest, Renderer(config, engraver), book)
        service.warm_up()
        yield service


def _nearest_tunes(runs: Sequence[FoundRun], corpus: str | None) -> dict[FoundRun, NearestTunes]:
    """For each run; two runs on one corpus share an index, which takes memory."""
    made: dict[str, NearestTunes] = {}
    for run in runs:
        if (key := _training_tunes(run)) not in made:
            place = known_corpus(run.record, corpus)
            made[key] = NearestTunes(run.record, place, CACHE if CACHE.is_dir() else None)
    return {run: made[_training_tunes(run)] for run in runs}


def _training_tunes(run: FoundRun) -> str:
    """The same for runs with the same training tunes."""
    return json.dumps([run.record.corpus.get("sha256"), run.record.config.get("data")], sort_keys=True)
