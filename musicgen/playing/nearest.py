"""The training tune that a drawn tune has most in common with."""

import threading
from concurrent.futures import Future
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.metrics.originality import TrainingIndex
from musicgen.metrics.per_tune import originality_cells
from musicgen.metrics.tunes import Tune, read_corpus, read_tunes, with_notes
from musicgen.playing.networks import Drawn
from musicgen.records.copied_passages import CopiedPassage, copied_passage
from musicgen.records.known_corpus import load_known_corpus
from musicgen.records.record import RunRecord
from musicgen.records.sampled_tunes import Song
from musicgen.system.limits import starting_threads

_Index = tuple[TrainingIndex, tuple[Tune, ...]]


class NearestTunes:
    """An index of a run's training tunes, which is made in the background."""

    def __init__(self, record: RunRecord, corpus: DataConfig | None, cache: Path | None) -> None:
        """corpus: the run's on this machine, if it is known."""
        self._record, self._corpus, self._cache = record, corpus, cache
        self._made: Future[_Index] = Future()
        with starting_threads():
            threading.Thread(target=self._make, daemon=True).start()

    def find(self, drawn: Drawn) -> CopiedPassage | None:
        """What the tune shares with its nearest training tune; None for a tune without notes.

        Waits for the index. Raises InputError if the corpus is not on this machine.
        """
        index, indexed = self._made.result()
        (tune,) = read_tunes([drawn.tune.text], ended=[drawn.tune.ended])
        copies = index.find([tune.melody])[0] if len(tune.melody) else None
        cells = originality_cells(tune, copies, indexed)
        texts = {name: "" if value is None else str(value) for name, value in cells.items()}
        return copied_passage(Song(drawn.more.run, drawn.tune.index, drawn.tune.text, texts))

    def _make(self) -> None:
        try:
            corpus = load_known_corpus(self._record, self._corpus, self._cache)
            tunes = tuple(with_notes(read_corpus(corpus.part("train"), self._cache)))
            self._made.set_result((TrainingIndex.build([tune.melody for tune in tunes]), tunes))
        except BaseException as error:
            # It is raised where the index is waited for.
            self._made.set_exception(error)
