"""The nearest training tune of what was drawn."""

from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.corpus.corpus import load_corpus
from musicgen.errors import InputError
from musicgen.playing.nearest import NearestTunes
from musicgen.playing.networks import Drawn, PlayedRun
from musicgen.playing.wanted import Wanted
from musicgen.records.known_corpus import known_corpus
from musicgen.run.draws import judge


@pytest.fixture
def drawn(played: PlayedRun) -> Drawn:
    return played.draw(Wanted(seed=1, temperature=0.8, top_p=0.95))


def test_a_recited_training_tune_is_found_and_marked(drawn: Drawn, corpus: Path) -> None:
    record = drawn.more.run.record
    place = known_corpus(record, str(corpus))
    assert place is not None
    training = load_corpus(drawn.more.config.data).part("train")[5]
    tune = replace(drawn.tune, text=training)
    found = NearestTunes(record, place, None).find(Drawn(drawn.more, tune, judge(tune), ""))
    assert found is not None and found.is_shown and f"T:{found.tune}\n" in training
    assert "at most 64 notes in a row in common" in found.words
    assert found.in_song is not None and found.in_training_tune is not None
    assert found.in_song.marked == found.in_training_tune.marked
    assert found.in_song.marked.replace("\n", "").count("|") == 7


def test_a_tune_without_notes_has_no_nearest_tune(drawn: Drawn, corpus: Path) -> None:
    record, tune = drawn.more.run.record, replace(drawn.tune, text="X:1\nK:C\n")
    nearest = NearestTunes(record, known_corpus(record, str(corpus)), None)
    assert nearest.find(Drawn(drawn.more, tune, judge(tune), "")) is None


def test_a_corpus_that_only_the_run_names_is_not_read(drawn: Drawn) -> None:
    record = drawn.more.run.record
    with pytest.raises(InputError, match="use --corpus PATH"):
        NearestTunes(record, known_corpus(record), None).find(drawn)
