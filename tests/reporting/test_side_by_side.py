from pathlib import Path

from musicgen.records.sampled_tunes import read_songs
from musicgen.reporting.side_by_side import comparisons
from musicgen.reporting.study_data import StudyData, read_study
from tests.records.made_runs import made_run
from tests.reporting.written_study import GOOD, write_run


def test_both_sides_have_the_same_seed_and_index(study: StudyData) -> None:
    for comparison in comparisons(study.paired, read_songs, 4):
        assert comparison.pairs and not comparison.reason
        for pair in comparison.pairs:
            assert pair.baseline.index == pair.changed.index
            assert pair.baseline.run.record.seed == pair.changed.run.record.seed
            assert pair.baseline.run.record.change is None
            assert pair.changed.run.record.change is not None
            assert pair.has_same_prompt


def test_every_seed_is_used_before_any_is_used_twice(study: StudyData) -> None:
    gru, rate = comparisons(study.paired, read_songs, 4)
    assert [pair.baseline.run.record.seed for pair in gru.pairs] == [0, 1, 2, 0]
    # The third seed diverged.
    assert [pair.baseline.run.record.seed for pair in rate.pairs] == [0, 1, 0, 1]
    assert [pair.baseline.index for pair in gru.pairs] == [0, 0, 0, 1]


def test_playable_pairs_come_first_and_equal_tunes_are_noted(tmp_path: Path) -> None:
    silent = ("", {"num_notes": 0})
    write_run(made_run("b/seed=0"), tmp_path, [silent, (GOOD, {}), (GOOD, {})])
    change = ("sampling.prompts", ["X"], ["X:1\n"])
    tunes = [(GOOD, {"prompt": "X"}), silent, (GOOD, {"prompt": "X"})]
    overrides = {"sampling.prompts": ["X"]}
    write_run(made_run("c/seed=0", change=change, overrides=overrides), tmp_path, tunes)
    (comparison,) = comparisons(read_study([tmp_path]).paired, read_songs, 2)
    (pair,) = comparison.pairs
    assert pair.baseline.index == 2 and not pair.has_same_prompt and pair.is_same_tune


def test_a_missing_pair_has_a_reason(tmp_path: Path) -> None:
    write_run(made_run("b/seed=0"), tmp_path, [(GOOD, {})])
    change, overrides = ("model.cell", "gru", "lstm"), {"model.cell": "gru"}
    write_run(made_run("c/seed=0", change=change, overrides=overrides, status="diverged"), tmp_path)
    (comparison,) = comparisons(read_study([tmp_path]).paired, read_songs, 2)
    assert comparison.pairs == () and "seed 0: diverged" in comparison.reason
