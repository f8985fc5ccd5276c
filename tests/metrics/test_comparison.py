from dataclasses import replace

import numpy as np
import pytest

from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.registry import measure
from musicgen.metrics.tunes import ScoredTune, Tune, UnmeasurableError, read_corpus, read_tunes

SILENT = "X:1\nT:Silence\nK:C\n"


@pytest.fixture(scope="module")
def known(oneills: list[str]) -> list[Tune]:
    return read_corpus([*oneills[60:90], SILENT])


@pytest.fixture(scope="module")
def delivered(oneills: list[str]) -> tuple[ScoredTune, ...]:
    return tuple(read_tunes([SILENT, *oneills[:24]]))


@pytest.fixture(scope="module")
def full(known: list[Tune], delivered: tuple[ScoredTune, ...]) -> Comparison:
    return Comparison(delivered, 30, Corpus.of(known, known[:20]), sample_size=25, note_budget=300, seed=0)


def test_a_corpus_drops_tunes_without_notes(known: list[Tune]) -> None:
    corpus = Corpus.of(known, known[-2:])
    assert corpus.training == corpus.indexed == tuple(known[:-1])
    assert corpus.held_out == (known[-2],) and corpus.held_out_melodies == [known[-2].melody]
    assert corpus.profile.num_notes.tolist() == [len(tune.melody) for tune in known[:-1]]
    with pytest.raises(UnmeasurableError, match="no training tune has a note"):
        _ = Corpus.of([known[-1]], []).profile


def test_a_sample_has_notes_and_at_most_the_sample_size(full: Comparison) -> None:
    assert full.sample == list(full.delivered[1:])
    assert replace(full, sample_size=24).sample == full.sample
    few = replace(full, sample_size=9)
    places = [full.delivered.index(tune) for tune in few.sample]
    assert len(places) == 9 and places == sorted(set(places)) and 0 not in places
    assert few.sample != replace(few, seed=1).sample
    assert [len(melody) for melody in few.melodies] == [len(tune.melody) for tune in few.sample]
    assert few.bars == [tune.bars for tune in few.sample]


def test_copies_belong_to_the_sample(full: Comparison) -> None:
    few = replace(full, sample_size=9)
    assert len(few.all_copies) == 25
    expected = full.corpus.index.find(few.melodies)
    assert [one.longest_copy for one in few.copies] == [one.longest_copy for one in expected]
    assert [one.num_notes for one in few.copies] == [len(melody) for melody in few.melodies]


def test_a_group_is_measured_as_if_alone(full: Comparison) -> None:
    places = [0, 3, *range(5, 17)]
    group = full.group(places, sample_size=10, note_budget=200)
    alone = Comparison(
        tuple(full.delivered[place] for place in places), len(places), full.corpus, 10, 200, seed=0
    )
    assert measure(group) == measure(alone)
    assert group.num_requested == 14


def test_a_restricted_comparison_is_measured_as_if_alone(full: Comparison) -> None:
    # Five of the thirty requested tunes are missing; two of them are removed too.
    is_kept = np.ones(30, bool)
    is_kept[[0, 4, 11, 28, 29]] = False
    rest = full.restricted(is_kept, note_budget=250)
    kept = tuple(tune for place, tune in enumerate(full.delivered) if place not in (0, 4, 11))
    alone = Comparison(kept, 25, full.corpus, 25, 250, seed=0)
    assert rest.delivered == kept and rest.num_requested == 25
    left_out = ("structure/zip_ratio",)
    assert measure(rest, left_out) == measure(alone, left_out)
    # Zip ratios keep the shuffles of the full sample.
    in_full = [full.sample.index(tune) for tune in rest.sample]
    assert np.array_equal(rest.zip_ratios, full.zip_ratios[in_full])


def test_without_a_corpus_copies_are_unmeasurable(delivered: tuple[ScoredTune, ...]) -> None:
    alone = Comparison(delivered, 25, Corpus.of([], []), 25, 300, seed=0)
    for comparison in (
        alone, alone.group([1, 2], 2, 10), alone.restricted(np.arange(25) > 3, 200)
    ):  # fmt: skip
        with pytest.raises(UnmeasurableError, match="no training tune has a note"):
            _ = comparison.all_copies
