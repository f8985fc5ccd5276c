import numpy as np
import pytest

from musicgen.metrics import originality
from musicgen.metrics.originality import Copies, TrainingIndex
from musicgen.metrics.tunes import UnmeasurableError
from tests.metrics.made_tunes import HEADER, melodies_of, tunes_of

PASSAGE = "CDEF|GABc|cBAG|FEDC|"
"""Sixteen notes."""
OTHER = "^C2^C2|^D2^D2|^C2^D2|^D2^C2|"
"""Eight notes that share no run of eight with PASSAGE."""


def copies(*bodies: str, training: str, header: str = HEADER) -> list[Copies]:
    index = TrainingIndex.build(melodies_of(training))
    return index.find([tune.melody for tune in tunes_of(*bodies, header=header)])


def test_a_copied_passage_is_found_exactly() -> None:
    found = copies(PASSAGE + OTHER, training=PASSAGE)
    assert originality.longest_copy(found) == 16
    assert originality.copied_share(found) == 16 / 24
    # Nine of the seventeen runs of eight are in the passage.
    assert originality.novelty_8(found) == pytest.approx(8 / 17)


def test_copies_count_from_sixteen_notes() -> None:
    (fifteen,) = copies(PASSAGE[:-2] + "^g|", training=PASSAGE)
    assert fifteen.longest_copy == 15 and not fifteen.copied.any()
    assert originality.transposed_copied_share([fifteen]) == 0
    (sixteen,) = copies(PASSAGE, training=PASSAGE)
    assert sixteen.copied.all()
    assert originality.copied_share([sixteen, fifteen]) == 16 / 32


def test_transposed_copies_are_found_in_any_key() -> None:
    up = PASSAGE.translate(str.maketrans("CDEFGABc", "DEFGABcd"))
    (found,) = copies(up, training=PASSAGE, header=HEADER.replace("K:C", "K:D"))
    assert found.longest_copy < 16 and not found.copied.any()
    assert found.longest_transposed_copy == 16 and found.copied_transposed.all() and found.has_copy


def test_transposed_copies_ignore_the_first_duration() -> None:
    (found,) = copies("C2" + PASSAGE[1:], training=PASSAGE)
    assert found.copied_transposed.all() and not found.copied.any()
    (found,) = copies("^C2" + PASSAGE[1:], training=PASSAGE)
    assert found.longest_copy == 15 and not found.copied_transposed.any()
    (found,) = copies("g" + PASSAGE + "g", training=PASSAGE)
    assert found.copied_transposed.tolist() == [False, *[True] * 16, False]


def test_other_durations_copy_only_pitches() -> None:
    (slow,) = copies(PASSAGE, training=PASSAGE, header=HEADER.replace("L:1/4", "L:1/2"))
    assert slow.longest_copy == 16 and not slow.copied.any()


@pytest.mark.parametrize("length", ["1/4", "1/8", "1/2"])
def test_triplets_do_not_copy_quarters(length: str) -> None:
    # Only rising steps: falling ones have another code next to the duration.
    notes = ["C,", "D,", "E,", "F,", "G,", "A,", "B,", *"CDEFGABcdef"]
    triplets = "".join(f"(3{''.join(notes[place : place + 3])}" for place in range(0, 18, 3)) + "|"
    header = HEADER.replace("L:1/4", f"L:{length}")
    (found,) = copies(triplets, training="".join(notes) + "|", header=header)
    assert found.longest_transposed_copy == 18 and not found.copied_transposed.any()


def test_novelty_needs_eight_notes() -> None:
    (seven, eight) = copies("CDEFGAB|", "CDEFGABd|", training=PASSAGE)
    assert seven.novel.tolist() == [] and eight.novel.tolist() == [True]
    with pytest.raises(UnmeasurableError, match="no tune has 8 notes"):
        originality.novelty_8([seven])
    assert originality.novelty_8([seven, eight]) == 1


@pytest.mark.parametrize(
    "function", [originality.longest_copy, originality.copied_share, originality.novelty_8]
)
def test_no_tunes_are_unmeasurable(function) -> None:
    with pytest.raises(UnmeasurableError, match="no tune has"):
        function([])


def test_medians_over_tunes() -> None:
    found = copies("CDE^G|", "^C^D^F|", "CDEF^G|", training="CDEFG|")
    assert [one.longest_copy for one in found] == [3, 0, 4]
    assert originality.longest_copy(found) == 3
    # Without a common step, the longest transposed copy is a single note.
    assert [one.longest_transposed_copy for one in found] == [3, 2, 4]
    assert not any(one.has_copy for one in found)
    assert originality.longest_transposed_copy(found[:2]) == 2.5


def test_a_restricted_index_ignores_other_tunes() -> None:
    index = TrainingIndex.build(melodies_of(PASSAGE, "CDE|"))
    part = index.restricted(np.array([False, True]))
    assert index.longest_copies(melodies_of(PASSAGE, "^C|")) == [16, 0]
    assert part.longest_copies(melodies_of(PASSAGE)) == [3]
    (found,) = part.find(melodies_of(PASSAGE))
    assert found.longest_transposed_copy == 3 and found.pitches.tunes[0] == 1
