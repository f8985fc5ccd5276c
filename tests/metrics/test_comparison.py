"""What a comparison takes part in: the sample, groups of it, and what is left without some tunes."""

from dataclasses import replace

import numpy as np
import pytest

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.registry import measure
from musicgen.metrics.tunes import CorpusTune, ScoredTune, UnmeasurableError, read_corpus, read_tunes

SILENT = "X:1\nT:Silence\nK:C\n"
NAMES_OF_DRAWS = ("structure/zip_ratio",)
"""Metrics for which a part of a sample keeps what the whole has drawn."""


@pytest.fixture(scope="module")
def known(oneills: list[str]) -> list[CorpusTune]:
    return read_corpus([*oneills[60:90], SILENT])


@pytest.fixture(scope="module")
def delivered(oneills: list[str]) -> tuple[ScoredTune, ...]:
    return tuple(read_tunes([SILENT, *oneills[:24]]))


@pytest.fixture(scope="module")
def whole(known: list[CorpusTune], delivered: tuple[ScoredTune, ...]) -> Comparison:
    return Comparison(delivered, 30, Corpus.of(known, known[:20]), sample_size=25, note_budget=300, seed=0)


def test_a_corpus_leaves_out_what_has_no_notes(known: list[CorpusTune]) -> None:
    corpus = Corpus.of(known, known[-2:])
    assert corpus.training == corpus.indexed == tuple(known[:-1])
    assert corpus.held_out == (known[-2],) and corpus.held_out_melodies == [known[-2].melody]
    assert corpus.profile.num_notes.tolist() == [len(tune.melody) for tune in known[:-1]]
    with pytest.raises(UnmeasurableError, match="no training tune has a note"):
        _ = Corpus.of([known[-1]], []).profile


def test_a_sample_is_all_with_notes_or_as_many_as_are_wanted(whole: Comparison) -> None:
    assert whole.sample == list(whole.delivered[1:])
    assert replace(whole, sample_size=24).sample == whole.sample
    few = replace(whole, sample_size=9)
    places = [whole.delivered.index(tune) for tune in few.sample]
    assert len(places) == 9 and places == sorted(set(places)) and 0 not in places
    assert few.sample != replace(few, seed=1).sample
    assert [len(melody) for melody in few.melodies] == [len(tune.melody) for tune in few.sample]
    assert few.bars == [tune.bars for tune in few.sample]


def test_copies_are_those_of_the_sampled_tunes(whole: Comparison) -> None:
    few = replace(whole, sample_size=9)
    assert len(few.all_copies) == 25
    expected = whole.corpus.index.find(few.melodies)
    assert [one.longest_copy for one in few.copies] == [one.longest_copy for one in expected]
    assert [one.num_notes for one in few.copies] == [len(melody) for melody in few.melodies]


def test_a_group_is_measured_as_if_it_had_come_alone(whole: Comparison) -> None:
    places = [0, 3, *range(5, 17)]
    group = whole.group(places, sample_size=10, note_budget=200)
    alone = Comparison(
        tuple(whole.delivered[place] for place in places), len(places), whole.corpus, 10, 200, seed=0
    )
    assert measure(group) == measure(alone)
    assert group.num_requested == 14


def test_what_is_left_is_measured_without_the_others(whole: Comparison) -> None:
    # The last five of thirty requested tunes never came; two of them are taken out too.
    is_left = np.ones(30, bool)
    is_left[[0, 4, 11, 28, 29]] = False
    rest = whole.restricted(is_left, note_budget=250)
    kept = tuple(tune for place, tune in enumerate(whole.delivered) if place not in (0, 4, 11))
    alone = Comparison(kept, 25, whole.corpus, 25, 250, seed=0)
    assert rest.delivered == kept and rest.num_requested == 25
    left_out = NAMES_OF_DRAWS
    assert measure(rest, left_out) == measure(alone, left_out)
    # Those keep the shuffles that they had in the whole.
    in_whole = [whole.sample.index(tune) for tune in rest.sample]
    assert np.array_equal(rest.zip_ratios, whole.zip_ratios[in_whole])


def test_without_a_corpus_nothing_is_copied_from(delivered: tuple[ScoredTune, ...]) -> None:
    alone = Comparison(delivered, 25, Corpus.of([], []), 25, 300, seed=0)
    for comparison in (
        alone, alone.group([1, 2], 2, 10), alone.restricted(np.arange(25) > 3, 200)
    ):  # fmt: skip
        with pytest.raises(UnmeasurableError, match="no training tune has a note"):
            _ = comparison.all_copies
