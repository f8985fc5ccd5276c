"""Each metric on tunes small enough to count by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from musicgen.metrics import diversity, originality, similarity, structure, validity
from musicgen.metrics.originality import TrainingIndex
from musicgen.metrics.profile import Profile
from musicgen.metrics.tunes import ScoredTune, UnmeasurableError, read_tunes
from musicgen.notation.melodies import Melody

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
        assert validity.parse_rate(read_tunes([good, silent], runs_abc2midi=True), 2) == 0.5
        with pytest.raises(UnmeasurableError, match="not asked"):
            validity.parse_rate(read_tunes([good]), 1)

    def test_nothing_has_no_bar_rate(self) -> None:
        with pytest.raises(UnmeasurableError, match="no tune has a bar"):
            validity.bar_rate([])
        with pytest.raises(UnmeasurableError, match="requested"):
            validity.tune_rate([], 0)


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
        alike = tunes_of("CD EF|!\nGABc|", "CDEF|\nGABc |", "C")
        assert diversity.unique_tunes([tune.identity for tune in alike]) == 2 / 3

    def test_the_same_letters_in_another_key_are_another_tune(self) -> None:
        headers = ("M:4/4\nL:1/4\nK:C", "M:C\nL:1/4\nK:C", "M:4/4\nL:1/4\nK:G", "M:2/4\nL:1/8\nK:C")
        tunes = read_tunes([f"X:1\n{header}\nCDEF|" for header in headers])
        assert diversity.unique_tunes([tune.identity for tune in tunes]) == 3 / 4

    def test_pair_distance_is_blind_to_the_key(self) -> None:
        def distance(*bodies: str) -> float:
            return diversity.pair_distance(diversity.pair_distances(melodies_of(*bodies)))

        assert distance("CDEC|", "GABG|") == 0
        # Steps 2 2 against 2 -2: one of two differs.
        assert distance("CDE|", "CDC|") == distance("CDE|", "C|", "CDC|") == 0.5
        with pytest.raises(UnmeasurableError):
            distance("CDE|", "C|")


class TestSimilarity:
    DIVERGENCES = (
        similarity.note_divergence,
        similarity.pitch_class_divergence,
        similarity.interval_divergence,
        similarity.duration_divergence,
        similarity.transition_divergence,
        similarity.transition_matrix_divergence,
    )
    DISTANCES = (similarity.note_count_distance, similarity.range_distance, similarity.mean_interval_distance)

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
        assert originality.novelty_8(found) == pytest.approx(8 / 17)

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
