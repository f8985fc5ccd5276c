"""Each metric on tunes small enough to count by hand."""

import math
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from musicgen.metrics import diversity, originality, similarity, structure, validity
from musicgen.metrics.melody import Melody, ScoredTune, UnmeasurableError, read_tunes
from musicgen.metrics.originality import TrainingIndex
from musicgen.metrics.profile import Profile

HEADER = "X:1\nT:One\nM:4/4\nL:1/4\nK:C\n"


def tunes_of(*bodies: str, header: str = HEADER) -> list[ScoredTune]:
    return read_tunes([header + body for body in bodies])


def melodies_of(*bodies: str) -> list[Melody]:
    return [tune.melody for tune in tunes_of(*bodies)]


def profile_of(*bodies: str) -> Profile:
    return Profile.of(melodies_of(*bodies))


melody = st.tuples(
    st.lists(st.integers(40, 90), min_size=1, max_size=40), st.integers(1, 4), st.integers(0, 11)
).map(lambda parts: Melody(np.array(parts[0]), np.full(len(parts[0]), parts[1]), parts[2]))
melodies = st.lists(melody, min_size=1, max_size=6)


class TestValidity:
    def test_requested_tunes_are_the_denominator(self) -> None:
        tunes = tunes_of("CDEF|GABc|]", "CDEF|GAB|CDEF|]")
        assert validity.tune_rate(tunes, 4) == 0.25
        assert validity.complete_rate(tunes, 4) == 0.5
        assert validity.bar_rate(tunes) == 4 / 5

    def test_a_missing_field_or_end_makes_a_tune_incomplete(self) -> None:
        whole, no_key = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|]", "X:1\nM:4/4\nL:1/4\nCDEF|]"
        tunes = read_tunes([whole, whole, no_key, "X:1\nK:C\n"], ended=[True, False, True, True])
        assert [validity.is_complete(tune) for tune in tunes] == [True, False, False, False]

    def test_leaving_the_meter_out_does_not_make_bars_right(self) -> None:
        (lost,) = tunes_of("CD|CDEF|C|CD|", header="X:1\nL:1/4\nK:C\n")
        (free,) = tunes_of("CD|CDEF|C|CD|", header="X:1\nM:none\nL:1/4\nK:C\n")
        (garbled,) = tunes_of("CD|CDEF|C|CD|", header="X:1\nM:C| Horns\nL:1/4\nK:C\n")
        for tune in (lost, garbled):
            assert not validity.is_valid(tune)
            assert tune.num_valid_bars == 0
        assert validity.is_valid(free)

    def test_parse_rate_follows_abc2midi(self) -> None:
        good, silent = HEADER + "CDEF|GABc|]\n", "X:1\nT:Silence\nK:C\n"
        assert validity.parse_rate(read_tunes([good, silent], asks_abc2midi=True), 2) == 0.5
        with pytest.raises(UnmeasurableError, match="not asked"):
            validity.parse_rate(read_tunes([good]), 1)

    def test_nothing_has_no_bar_rate(self) -> None:
        with pytest.raises(UnmeasurableError, match="no tune has a bar"):
            validity.bar_rate([])
        with pytest.raises(UnmeasurableError, match="requested"):
            validity.tune_rate([], 0)

    def test_every_rate_counts_what_was_requested_and_nothing_has_none(self) -> None:
        tunes = read_tunes([HEADER + "CDEF|GABc|]"] * 3, asks_abc2midi=[True] * 3)
        for rate in (validity.complete_rate, validity.parse_rate, validity.tune_rate):
            assert (rate(tunes, 3), rate(tunes, 4)) == (1, 0.75)
            assert rate([], 1) == 0
            with pytest.raises(UnmeasurableError, match="no tune was requested"):
                rate([], 0)

    def test_one_tune_that_was_not_asked_about_is_enough_for_no_parse_rate(self) -> None:
        tunes = read_tunes([HEADER + "CDEF|]"] * 2, asks_abc2midi=[True, False])
        with pytest.raises(UnmeasurableError, match="abc2midi was not asked"):
            validity.parse_rate(tunes, 2)

    def test_a_tune_is_valid_with_a_note_and_all_bars_right(self) -> None:
        right, wrong, rests = tunes_of("CDEF|GABc|]", "CDEF|GAB|CDEF|]", "zzzz|zzzz|]")
        assert [validity.is_valid(tune) for tune in (right, wrong, rests)] == [True, False, False]
        assert validity.bar_rate([rests]) == 1
        without_number = read_tunes(["M:4/4\nL:1/4\nK:C\nCDEF|]"])
        assert not validity.is_complete(without_number[0])


class TestDiversity:
    @given(melodies)
    def test_entropy_agrees_with_scipy(self, some: list[Melody]) -> None:
        expected = np.mean([entropy(np.bincount(one.pitches % 12, minlength=12), base=2) for one in some])
        value = diversity.pitch_class_entropy(some)
        assert value == pytest.approx(expected, abs=1e-9)
        assert 0 <= value <= math.log2(12) + 1e-9

    def test_counts_of_one_scale(self) -> None:
        scale = melodies_of("CDEF|GABc|]")
        assert diversity.pitches_used(scale) == 8
        assert diversity.pitch_range(scale) == 12

    def test_distinct_counts_runs_inside_tunes_up_to_the_budget(self) -> None:
        twice = melodies_of("CDEF|", "CDEF|")
        assert diversity.distinct_ngrams(twice, 2, 8) == 0.5
        assert diversity.distinct_ngrams(twice, 2, 6) == 3 / 4
        assert diversity.distinct_ngrams(twice, 2, 4) == 1
        assert diversity.distinct_ngrams(melodies_of("CCCC|CCCC|"), 4, 8) == 1 / 5
        with pytest.raises(UnmeasurableError, match="8 notes, fewer than the 9"):
            diversity.distinct_ngrams(twice, 2, 9)

    def test_white_space_does_not_make_a_tune_unique(self) -> None:
        assert diversity.unique_tunes(["CD EF|!\nGABc|", "CDEF|\nGABc |", "C"]) == 2 / 3

    def test_pair_distance_is_blind_to_the_key(self) -> None:
        def distance(*bodies: str) -> float:
            return diversity.pair_distance(diversity.pair_distances(melodies_of(*bodies)))

        assert distance("CDEC|", "GABG|") == 0
        # Steps 2 2 against 2 -2: one of two differs.
        assert distance("CDE|", "CDC|") == distance("CDE|", "C|", "CDC|") == 0.5
        with pytest.raises(UnmeasurableError):
            distance("CDE|", "C|")

    def test_pitch_numbers_are_means_over_tunes(self) -> None:
        some = melodies_of("CEc|", "CCC|", "DE|")
        assert diversity.pitches_used(some) == (3 + 1 + 2) / 3
        assert diversity.pitch_range(some) == (12 + 0 + 2) / 3
        # C twice of three, E once; one pitch class; two of two.
        of_first = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
        assert diversity.pitch_class_entropy(some) == pytest.approx((of_first + 0 + 1) / 3)
        for function in (diversity.pitches_used, diversity.pitch_range, diversity.pitch_class_entropy):
            with pytest.raises(UnmeasurableError, match="no tune has a note"):
                function([])
        with pytest.raises(UnmeasurableError, match="no tune has a note"):
            diversity.unique_tunes([])

    def test_the_budget_cuts_the_tune_in_which_it_is_spent(self) -> None:
        some = melodies_of("CDEF|", "CDGA|", "Bcd|")
        # Of the first six notes: CD, DE, EF and, within the second tune, CD.
        assert diversity.distinct_ngrams(some, 2, 6) == 3 / 4
        assert diversity.distinct_ngrams(some, 2, 7) == 4 / 5
        assert diversity.distinct_ngrams(some, 1, 11) == 9 / 11
        with pytest.raises(UnmeasurableError, match="11 notes, fewer than the 12 compared everywhere"):
            diversity.distinct_ngrams(some, 2, 12)
        with pytest.raises(UnmeasurableError, match="no tune has 5 notes"):
            diversity.distinct_ngrams(some, 5, 11)

    def test_a_body_is_compared_without_white_space_and_marks_of_line_ends(self) -> None:
        assert diversity.normalised("CD EF|!\nG!trill!A\t!  \n!") == "CDEF|G!trill!A"

    def test_pair_distances_by_hand(self) -> None:
        # Steps 2 2, 2 -2 and 2 2 1 -1; the longer of two strings is the whole.
        found = diversity.pair_distances(melodies_of("CDE|", "CDC|", "CDEFE|", "C|"))
        assert found[:3, :3] == pytest.approx(np.array([[0, 0.5, 0.5], [0.5, 0, 0.75], [0.5, 0.75, 0]]))
        assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()
        assert diversity.pair_distance(found) == pytest.approx((0.5 + 0.5 + 0.75) / 3)
        assert diversity.pair_distance(found[:2, :2]) == 0.5
        with pytest.raises(UnmeasurableError, match="fewer than two tunes have an interval"):
            diversity.pair_distance(found[2:, 2:])


class TestSimilarity:
    DIVERGENCES = (
        similarity.note_divergence,
        similarity.pitch_class_divergence,
        similarity.interval_divergence,
        similarity.duration_divergence,
        similarity.transition_divergence,
        similarity.transition_matrix_divergence,
    )
    DISTANCES = (
        similarity.note_count_distance,
        similarity.range_distance,
        similarity.mean_interval_distance,
    )

    @given(melodies, melodies)
    @settings(max_examples=60, deadline=None)
    def test_every_one_is_bounded_and_blind_to_the_order_of_tunes(self, ours, theirs) -> None:
        for function in (*self.DIVERGENCES, *self.DISTANCES):
            try:
                value = function(Profile.of(ours), Profile.of(theirs))
            except UnmeasurableError:
                continue
            assert value >= 0
            assert value <= 1 + 1e-9 or function in self.DISTANCES
            backwards = function(Profile.of(ours[::-1]), Profile.of(theirs[::-1]))
            assert backwards == pytest.approx(value, abs=1e-9)
            assert function(Profile.of(theirs), Profile.of(theirs)) == pytest.approx(0, abs=1e-9)

    def test_transposing_with_the_key_leaves_relative_pitch_classes(self) -> None:
        (in_c,) = read_tunes(["X:1\nM:4/4\nK:C\nCDEC|"])
        (in_d,) = read_tunes(["X:1\nM:4/4\nK:D\nDEFD|"])
        pair = Profile.of([in_c.melody]), Profile.of([in_d.melody])
        assert similarity.pitch_class_divergence(*pair) == 0
        assert similarity.interval_divergence(*pair) == 0
        assert similarity.note_divergence(*pair) > 0.25

    def test_rows_are_weighted_by_the_corpus(self) -> None:
        # The corpus leaves C three times and D once; only the row of D differs, wholly.
        corpus, ours = profile_of("CCCCDE|"), profile_of("CCCCDC|", "DC|")
        weight_of_d = 1 / 5
        row_of_c = similarity.transition_matrix_divergence(profile_of("CCCCD|"), profile_of("CCCCD|"))
        assert row_of_c == 0
        assert similarity.transition_matrix_divergence(ours, corpus) == pytest.approx(weight_of_d)
        # A row that the tunes lack counts in full.
        assert similarity.transition_matrix_divergence(profile_of("CCCCD|"), corpus) == pytest.approx(1 / 5)

    def test_scalar_distances(self) -> None:
        assert similarity.note_count_distance(profile_of("CD|"), profile_of("CDEF|")) == 2
        assert similarity.range_distance(profile_of("CC|"), profile_of("Cc|")) == 12
        assert similarity.mean_interval_distance(profile_of("CDE|"), profile_of("Ccc|")) == 4

    def test_auc_tells_a_scale_from_an_arpeggio_and_not_from_itself(self) -> None:
        scales = melodies_of(*["CDEF|GABc|" * (1 + number % 3) for number in range(20)])
        arpeggios = melodies_of(*["CEGc|EGCE|" * (1 + number % 3) for number in range(20)])
        assert similarity.two_sample_auc(scales, arpeggios, 0) == 1
        assert similarity.two_sample_auc(scales, scales, 0) == pytest.approx(0.5, abs=0.2)
        with pytest.raises(UnmeasurableError, match="fewer than 10"):
            similarity.two_sample_auc(scales, arpeggios[:9], 0)

    def test_a_matrix_needs_two_notes_on_both_sides(self) -> None:
        for ours, theirs in ((["C|"], ["CD|"]), (["CD|"], ["C|"])):
            with pytest.raises(UnmeasurableError, match="no two successive notes"):
                similarity.transition_matrix_divergence(profile_of(*ours), profile_of(*theirs))

    def test_a_row_of_the_matrix_is_compared_as_shares(self) -> None:
        # From C to D in one half, and in all of them.
        ours, corpus = profile_of("CDCECDCE|"), profile_of("CDCD|", "CD|")
        of_c = similarity.transition_matrix_divergence(profile_of("CD|", "CE|"), profile_of("CD|"))
        assert of_c == pytest.approx(1 - 0.75 * math.log2(3) + 0.5)
        # Three of the corpus' four steps leave C, the other leaves D, always for C.
        assert similarity.transition_matrix_divergence(ours, corpus) == pytest.approx(of_c * 3 / 4)

    def test_the_auc_looks_at_ten_tunes_a_side_and_as_many_of_both(self) -> None:
        rng = np.random.default_rng(0)
        low, high = (
            [Melody(rng.integers(start, start + 12, 30), np.ones(30, np.int64), 0) for _ in range(25)]
            for start in (50, 62)
        )
        assert similarity.two_sample_auc(low[:10], high, 0) > 0.9
        for few in (low[:9], []):
            with pytest.raises(UnmeasurableError, match=f"{len(few)} tunes a side, fewer than 10"):
                similarity.two_sample_auc(few, high, 0)
        # Another seed draws others of the larger side, the same one the same.
        mixed = [*low[10:18], *high[:17]]
        assert similarity.two_sample_auc(low[:10], mixed, 1) == similarity.two_sample_auc(low[:10], mixed, 1)
        assert len({similarity.two_sample_auc(low[:10], mixed, seed) for seed in range(5)}) > 1

    @pytest.mark.parametrize(
        ("change", "is_seen"),
        [
            ({"tonic": 7}, True),
            ({"durations": np.full(30, 2)}, True),
            ({"pitches": np.tile([60, 62], 15)}, True),
            ({}, False),
        ],
    )
    def test_the_auc_sees_keys_durations_and_pitches(self, change: dict[str, Any], is_seen: bool) -> None:
        rng = np.random.default_rng(0)
        orders = [rng.permutation(np.tile([60, 64, 67], 10)) for _ in range(40)]
        ours, theirs = (
            [replace(Melody(order, np.ones(30, np.int64), 0), **more) for order in part]
            for part, more in ((orders[:20], change), (orders[20:], {}))
        )
        auc = similarity.two_sample_auc(ours, theirs, 0)
        assert auc == 1 if is_seen else 0.2 < auc < 0.8


class TestOriginality:
    # Sixteen notes with no run of eight in common with the later ones.
    PASSAGE = "CDEF|GABc|cBAG|FEDC|"
    OTHER = "^C2^C2|^D2^D2|^C2^D2|^D2^C2|"

    def copies(self, *bodies: str, training: str) -> list[originality.Copies]:
        return TrainingIndex.build(melodies_of(training)).find(melodies_of(*bodies))

    def test_a_copied_passage_is_found_to_the_note(self) -> None:
        found = self.copies(self.PASSAGE + self.OTHER, training=self.PASSAGE)
        assert originality.longest_copy(found) == 16
        assert originality.copied_share(found) == 16 / 24
        # Seventeen runs of eight; the first nine lie in the passage.
        assert originality.novelty(found) == pytest.approx(8 / 17)

    def test_transposing_hides_a_copy_only_as_written(self) -> None:
        up = self.PASSAGE.translate(str.maketrans("CDEFGABc", "DEFGABcd"))
        (tune,) = read_tunes([HEADER.replace("K:C", "K:D") + up])
        (found,) = TrainingIndex.build(melodies_of(self.PASSAGE)).find([tune.melody])
        assert found.longest_copy < 16
        assert found.longest_transposed_copy == 16
        assert found.copied_transposed.all()
        assert not found.copied.any()

    def test_other_durations_are_no_copy_but_the_same_pitches(self) -> None:
        (slow,) = TrainingIndex.build(melodies_of(self.PASSAGE)).find(
            [tune.melody for tune in tunes_of(self.PASSAGE, header=HEADER.replace("L:1/4", "L:1/2"))]
        )
        assert slow.longest_copy == 16
        assert not slow.copied.any()

    def test_the_nearest_tune_is_named_with_the_bars_of_the_copy(self) -> None:
        (tune,) = tunes_of(self.OTHER + self.PASSAGE)
        index = TrainingIndex.build(melodies_of(self.OTHER.replace("^C", "B"), self.PASSAGE))
        (found,) = index.find([tune.melody])
        nearest = originality.nearest_tune(tune, found)
        assert nearest == originality.NearestTune(
            1, 8, 16, "CDEF|GABc|cBAG|FEDC", place=0, is_transposed=False
        )

    def test_a_copy_counts_from_sixteen_notes_on(self) -> None:
        fifteen = self.PASSAGE[:-2] + "^g|"
        (found,) = self.copies(fifteen, training=self.PASSAGE)
        assert found.longest_copy == 15 and not found.copied.any()
        assert originality.transposed_copied_share([found]) == 0
        (whole,) = self.copies(self.PASSAGE, training=self.PASSAGE)
        assert whole.copied.all()
        assert originality.copied_share([whole, found]) == 16 / 32

    def test_in_any_key_the_first_notes_duration_is_free(self) -> None:
        slow_start = "^C2" + self.PASSAGE[1:]
        (found,) = self.copies("C2" + self.PASSAGE[1:], training=self.PASSAGE)
        assert found.copied_transposed.all() and not found.copied.any()
        (found,) = self.copies(slow_start, training=self.PASSAGE)
        assert found.longest_copy == 15 and not found.copied_transposed.any()
        (found,) = self.copies("g" + self.PASSAGE + "g", training=self.PASSAGE)
        assert found.copied_transposed.tolist() == [False, *[True] * 16, False]

    def test_no_two_durations_are_taken_for_one(self) -> None:
        """Those of a whole note's parts, triplets and dots among them, in any key."""
        parts = ("4", "12", "6", "3", "1", "16", "24")
        tunes = [
            tune for n in parts for tune in tunes_of(self.PASSAGE, header=HEADER.replace("L:1/4", f"L:1/{n}"))
        ]
        index = TrainingIndex.build([tunes[0].melody])
        for found in index.find([tune.melody for tune in tunes[1:]]):
            assert found.longest_transposed_copy == 16 and not found.copied_transposed.any()

    def test_novelty_needs_eight_notes(self) -> None:
        (seven, eight) = self.copies("CDEFGAB|", "CDEFGABd|", training=self.PASSAGE)
        assert seven.novel.tolist() == [] and eight.novel.tolist() == [True]
        with pytest.raises(UnmeasurableError, match="no tune has 8 notes"):
            originality.novelty([seven])
        assert originality.novelty([seven, eight]) == 1
        for function in (originality.longest_copy, originality.copied_share, originality.novelty):
            with pytest.raises(UnmeasurableError, match="no tune has"):
                function([])

    def test_medians_over_tunes(self) -> None:
        found = self.copies("CDE^G|", "^C^D^F|", "CDEF^G|", training="CDEFG|")
        assert [one.longest_copy for one in found] == [3, 0, 4]
        assert originality.longest_copy(found) == 3
        # Without a step in common a single note is the longest.
        assert [one.longest_transposed_copy for one in found] == [3, 2, 4]
        assert originality.longest_transposed_copy(found[:2]) == 2.5

    def test_a_copy_in_another_key_is_nearest_only_if_it_is_long_and_longer(self) -> None:
        up = (
            self.PASSAGE.translate(str.maketrans("CDEFGABc", "DEFGABcd"))
            .replace("F", "^F")
            .replace("c", "^c")
        )
        (tune,) = tunes_of(up)
        (found,) = self.copies(up, training=self.PASSAGE)
        nearest = originality.nearest_tune(tune, found)
        assert nearest is not None and nearest.is_transposed
        assert (nearest.number, nearest.start, nearest.num_notes, nearest.place) == (0, 0, 16, 0)
        # As written and in another key it is the same sixteen notes: as written is told.
        (same,) = tunes_of(self.PASSAGE)
        (found,) = self.copies(self.PASSAGE, training=self.PASSAGE)
        nearest = originality.nearest_tune(same, found)
        assert nearest is not None and not nearest.is_transposed and nearest.num_notes == 16

    def test_the_bars_that_a_copy_touches(self) -> None:
        (tune,) = tunes_of("^G^G|CD|EF^G|^G|")
        (found,) = self.copies("^G^G|CD|EF^G|^G|", training="CDEF|")
        nearest = originality.nearest_tune(tune, found)
        assert nearest is not None and (nearest.start, nearest.num_notes) == (2, 4)
        assert nearest.passage == "CD|EF^G"

    def test_a_part_of_the_training_tunes_knows_no_others(self) -> None:
        index = TrainingIndex.build(melodies_of(self.PASSAGE, "CDE|"))
        part = index.restricted(np.array([False, True]))
        assert index.longest_copies(melodies_of(self.PASSAGE, "^C|")) == [16, 0]
        assert part.longest_copies(melodies_of(self.PASSAGE)) == [3]
        (found,) = part.find(melodies_of(self.PASSAGE))
        assert found.longest_transposed_copy == 3 and found.pitches.tunes[0] == 1


class TestStructure:
    def test_lag_repeat_looks_four_eight_twelve_and_sixteen_bars_back(self) -> None:
        assert structure.repeats_a_phrase(list("abcdabxd")) == [True, True, False, True]
        assert structure.repeats_a_phrase(list("abcdefgha")) == [False, False, False, False, True]
        assert structure.repeats_a_phrase(list("abcd")) == []
        assert structure.lag_repeat([list("abcda"), list("abcdefghi")]) == 1 / 6
        with pytest.raises(UnmeasurableError, match="five bars"):
            structure.lag_repeat([list("abcd")])

    def test_distinct_bars_is_a_mean_over_tunes(self) -> None:
        assert structure.distinct_bars([list("aabb"), list("abcd"), []]) == 0.75

    def test_order_shows_in_the_zip_ratio(self) -> None:
        rng = np.random.default_rng(0)
        pattern = np.tile([60, 62, 64, 65, 67, 69, 71, 72], 20)
        same = np.ones(160, np.int64)
        ordered, shuffled = (Melody(notes, same, 0) for notes in (pattern, rng.permutation(pattern)))
        single = Melody(pattern[:1], same[:1], 0)
        assert structure.zip_ratio(structure.zip_ratios([ordered, single], 0)) < 0.5
        assert structure.zip_ratio(structure.zip_ratios([shuffled], 0)) == pytest.approx(1, abs=0.1)
        with pytest.raises(UnmeasurableError, match="two notes"):
            structure.zip_ratio(structure.zip_ratios([single], 0))

    def test_tonic_ending_takes_any_octave(self) -> None:
        assert structure.tonic_ending(melodies_of("CDEF|", "EDCc|")) == 0.5
        assert (
            structure.tonic_ending([*melodies_of("CDC|"), Melody(np.zeros(0, int), np.zeros(0, int), 0)]) == 1
        )
        (in_g,) = read_tunes(["X:1\nK:G\nGAG|"])
        assert structure.tonic_ending([in_g.melody]) == 1
        with pytest.raises(UnmeasurableError, match="no tune has a note"):
            structure.tonic_ending([])

    def test_bars_before_the_tune_are_none(self) -> None:
        """The fifth bar has one bar to repeat, the ninth two; a bar twelve or sixteen before counts too."""
        bars = [str(number) for number in range(24)]
        for lag in (1, 2, 3, 4, 5, 8, 12, 16, 20):
            repeated = [*bars[:20], bars[20 - lag]]
            assert structure.repeats_a_phrase(repeated) == [False] * 16 + [lag in (4, 8, 12, 16)]
        with pytest.raises(UnmeasurableError, match="no tune has a bar"):
            structure.distinct_bars([[]])

    def test_the_zip_ratio_is_of_bytes_and_its_shuffles_come_from_the_seed(self) -> None:
        notes = np.array([60, 62, 64, 65] * 10)
        melody = Melody(notes, np.ones(40, np.int64), 0)
        text = " ".join(f"{note}:1" for note in notes.tolist()).encode()
        rng = np.random.default_rng(7)
        orders = [rng.permutation(40) for _ in range(4)]
        shuffled = [
            len(zlib.compress(" ".join(f"{notes[place]}:1" for place in order).encode(), 9))
            for order in orders
        ]
        expected = len(zlib.compress(text, 9)) / np.mean(shuffled)
        assert structure.zip_ratios([melody], 7) == pytest.approx([expected])
        one = Melody(notes[:1], np.ones(1, np.int64), 0)
        found = structure.zip_ratios([one, melody], 7)
        assert np.isnan(found[0]) and found[1] == pytest.approx(expected)
        two = Melody(notes[:2], np.ones(2, np.int64), 0)
        assert structure.zip_ratios([two], 0) == pytest.approx([1])
