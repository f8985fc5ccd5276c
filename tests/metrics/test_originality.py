"""What is a copy and what is none, at its edges."""

import numpy as np
import pytest

from musicgen.metrics import originality
from musicgen.metrics.originality import TrainingIndex
from musicgen.metrics.tunes import UnmeasurableError
from tests.metrics.test_families import HEADER, melodies_of, tunes_of

PASSAGE = "CDEF|GABc|cBAG|FEDC|"
"""Sixteen notes."""


def copies(*bodies: str, training: str) -> list[originality.Copies]:
    return TrainingIndex.build(melodies_of(training)).find(melodies_of(*bodies))


def test_a_copy_counts_from_sixteen_notes_on() -> None:
    fifteen = PASSAGE[:-2] + "^g|"
    (found,) = copies(fifteen, training=PASSAGE)
    assert found.longest_copy == 15 and not found.copied.any()
    assert originality.transposed_copied_share([found]) == 0
    (whole,) = copies(PASSAGE, training=PASSAGE)
    assert whole.copied.all()
    assert originality.copied_share([whole, found]) == 16 / 32


def test_in_any_key_the_first_notes_duration_is_free() -> None:
    slow_start = "^C2" + PASSAGE[1:]
    (found,) = copies("C2" + PASSAGE[1:], training=PASSAGE)
    assert found.copied_transposed.all() and not found.copied.any()
    (found,) = copies(slow_start, training=PASSAGE)
    assert found.longest_copy == 15 and not found.copied_transposed.any()
    (found,) = copies("g" + PASSAGE + "g", training=PASSAGE)
    assert found.copied_transposed.tolist() == [False, *[True] * 16, False]


def test_triplets_are_no_copy_of_whole_beats_in_any_key() -> None:
    # Steps up alone: in a step's code they stand beside the duration otherwise than steps down.
    notes = ["C,", "D,", "E,", "F,", "G,", "A,", "B,", *"CDEFGABcdef"]
    (quarters,) = tunes_of("".join(notes) + "|")
    triplets = "".join(f"(3{''.join(notes[place : place + 3])}" for place in range(0, 18, 3)) + "|"
    index = TrainingIndex.build([quarters.melody])
    for length in ("1/4", "1/8", "1/2"):
        (tune,) = tunes_of(triplets, header=HEADER.replace("L:1/4", f"L:{length}"))
        (found,) = index.find([tune.melody])
        assert found.longest_transposed_copy == 18 and not found.copied_transposed.any()


def test_novelty_needs_eight_notes() -> None:
    (seven, eight) = copies("CDEFGAB|", "CDEFGABd|", training=PASSAGE)
    assert seven.novel.tolist() == [] and eight.novel.tolist() == [True]
    with pytest.raises(UnmeasurableError, match="no tune has 8 notes"):
        originality.novelty_8([seven])
    assert originality.novelty_8([seven, eight]) == 1
    for function in (originality.longest_copy, originality.copied_share, originality.novelty_8):
        with pytest.raises(UnmeasurableError, match="no tune has"):
            function([])


def test_medians_over_tunes() -> None:
    found = copies("CDE^G|", "^C^D^F|", "CDEF^G|", training="CDEFG|")
    assert [one.longest_copy for one in found] == [3, 0, 4]
    assert originality.longest_copy(found) == 3
    # Without a step in common a single note is the longest.
    assert [one.longest_transposed_copy for one in found] == [3, 2, 4]
    assert originality.longest_transposed_copy(found[:2]) == 2.5


def test_a_copy_in_another_key_is_nearest_only_if_it_is_long_and_longer() -> None:
    up = PASSAGE.translate(str.maketrans("CDEFGABc", "DEFGABcd")).replace("F", "^F").replace("c", "^c")
    (tune,) = tunes_of(up)
    (found,) = copies(up, training=PASSAGE)
    nearest = originality.nearest_tune(tune, found)
    assert nearest is not None and nearest.is_transposed
    assert (nearest.number, nearest.start, nearest.num_notes, nearest.place) == (0, 0, 16, 0)
    # As written and in another key it is the same sixteen notes: as written is told.
    (same,) = tunes_of(PASSAGE)
    (found,) = copies(PASSAGE, training=PASSAGE)
    nearest = originality.nearest_tune(same, found)
    assert nearest is not None and not nearest.is_transposed and nearest.num_notes == 16


def test_the_bars_that_a_copy_touches() -> None:
    (tune,) = tunes_of("^G^G|CD|EF^G|^G|")
    (found,) = copies("^G^G|CD|EF^G|^G|", training="CDEF|")
    nearest = originality.nearest_tune(tune, found)
    assert nearest is not None and (nearest.start, nearest.num_notes) == (2, 4)
    assert nearest.passage == "CD|EF^G"


def test_a_part_of_the_training_tunes_knows_no_others() -> None:
    index = TrainingIndex.build(melodies_of(PASSAGE, "CDE|"))
    part = index.restricted(np.array([False, True]))
    assert index.longest_copies(melodies_of(PASSAGE, "^C|")) == [16, 0]
    assert part.longest_copies(melodies_of(PASSAGE)) == [3]
    (found,) = part.find(melodies_of(PASSAGE))
    assert found.longest_transposed_copy == 3 and found.pitches.tunes[0] == 1
