import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicgen.config import Change
from musicgen.effects.pairing import Arm, pair_runs
from musicgen.errors import InputError
from musicgen.listening.anchors import draw_anchors, with_shuffled_notes
from musicgen.listening.session import PAIRS, DrawnSession, Settings, draw_session, num_trials, order_trials
from musicgen.listening.stimuli import CORPUS, SHUFFLED, Pool, Sample, Stimulus, arm_name
from musicgen.notation.parsing import parse_tune
from musicgen.records.runs import find_runs
from tests.listening.made_session import BASELINE, CHANGED, NUM_TUNES, corpus_of, settings
from tests.records.made_runs import made_run


def test_an_arm_is_named_as_in_the_tables() -> None:
    names = [arm_name(Arm(Change("sampling.top_k", level, 5), ())) for level in (None, 3, ["X:", "K:D"])]
    assert names == ["sampling.top_k=null", "sampling.top_k=3", 'sampling.top_k=["X:", "K:D"]']


def sounds(_: Stimulus) -> bool:
    return True


def drawn(sweep: Path, wanted: Settings, play=sounds) -> DrawnSession:
    runs = find_runs([sweep])
    return draw_session(pair_runs(runs), wanted, play, corpus_of(runs[0]))


def test_every_arm_and_seed_has_the_same_number_of_valid_tunes(sweep: Path) -> None:
    session = drawn(sweep, settings(num_tunes=9, any_tune=False))
    heard = [item.stimuli[0] for item in session.items]
    assert Counter((one.arm, one.seed) for one in heard if not one.anchor) == {
        (arm, seed): 2 for arm in (BASELINE, CHANGED) for seed in (0, 1)
    }
    assert Counter(one.anchor for one in heard) == {"": 8, CORPUS: 1, SHUFFLED: 1}
    # The last tune of each run is not valid.
    assert all(one.index is None or one.index < NUM_TUNES - 1 for one in heard)
    assert len({one.stimulus_id for one in heard}) == 10
    assert session.remarks == ("only valid tunes were drawn",)


def test_invalid_tunes_are_drawn_and_those_without_notes_counted(sweep: Path) -> None:
    rewrite_tunes(sweep / BASELINE, lambda row: row | {"is_valid": row["index"] == "5"})
    mute = {"num_notes": "0", "parses": False}
    rewrite_tunes(sweep / CHANGED, lambda row: row | (mute if row["index"] in "123" else {}))
    session = drawn(sweep, settings(num_tunes=60, num_anchors=0))
    # Of eight tunes of each of two runs.
    assert session.samples == (Sample(BASELINE, 16, 14, 0), Sample(CHANGED, 16, 8, 6))
    heard = Counter((item.stimuli[0].arm, item.stimuli[0].index) for item in session.items)
    assert heard == {(BASELINE, index): 2 for index in range(8)} | {
        (CHANGED, index): 2 for index in (0, 4, 5, 6, 7)
    }
    valid = drawn(sweep, settings(num_tunes=60, num_anchors=0, any_tune=False))
    assert valid.samples == session.samples
    assert {item.stimuli[0].index for item in valid.items if item.stimuli[0].arm == BASELINE} == {5}


def test_an_arm_without_notes_is_named_with_its_share(sweep: Path) -> None:
    rewrite_tunes(sweep / CHANGED, lambda row: row | {"num_notes": "", "is_valid": False, "parses": False})
    session = drawn(sweep, settings(num_anchors=0))
    assert session.remarks[0] == f"{CHANGED}: not included, because it has no tune with notes"
    assert session.samples[1] == Sample(CHANGED, 16, 16, 16)


def rewrite_tunes(arm: Path, change: Callable[[dict], dict]) -> None:
    for path in arm.rglob("tunes.csv"):
        with path.open(newline="") as file:
            rows = [change(row) for row in csv.DictReader(file)]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def test_only_draws_that_a_run_kept_can_be_heard(sweep: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sweep, tmp_path / "copy")
    for table in copy.rglob("tunes.csv"):
        header, *rows = table.read_text().splitlines()
        marked = [f"{row},{number < 4}" for number, row in enumerate(rows)]
        table.write_text("\n".join([f"{header},kept", *marked]) + "\n")
    pool = Pool(pair_runs(find_runs([copy])), np.random.default_rng(0), any_tune=True)
    assert pool.available == {BASELINE: 8, CHANGED: 8}


def test_the_draw_depends_on_the_seed_alone(sweep: Path) -> None:
    def indices(seed: int) -> list[int | None]:
        wanted = Settings("ratings", 8, 1, ("musicality",), False, seed)
        return [item.stimuli[0].index for item in drawn(sweep, wanted).items]

    assert indices(1) == indices(1)
    assert len({tuple(indices(seed)) for seed in range(6)}) > 3


def test_shortages_are_reported_and_silent_tunes_skipped(sweep: Path) -> None:
    session = drawn(sweep, settings(num_tunes=40, num_anchors=0))
    assert len(session.items) == 32
    assert any("baseline: only 16 of 20 tunes" in remark for remark in session.remarks)
    valid = drawn(sweep, settings(num_tunes=40, num_anchors=0, any_tune=False))
    assert len(valid.items) == 28 and valid.remarks[0] == "only valid tunes were drawn"
    silent = drawn(sweep, settings(num_anchors=0), lambda one: one.index != 3)
    assert all(item.stimuli[0].index != 3 for item in silent.items)


def test_a_session_without_enough_tunes_is_refused(sweep: Path) -> None:
    with pytest.raises(InputError, match="--num-tunes 1: each of the 2 arms needs one"):
        drawn(sweep, settings(num_tunes=1))
    for table in sweep.rglob("tunes.csv"):
        table.write_text(table.read_text().replace("True,True", "False,True"))
    with pytest.raises(InputError, match="no run has a valid tune; leave out --valid-only"):
        drawn(sweep, settings(any_tune=False))
    for table in sweep.rglob("tunes.csv"):
        table.write_text(re.sub(r",True,\d+,", ",True,0,", table.read_text()))
    with pytest.raises(InputError, match="no run has a tune with notes$"):
        drawn(sweep, settings())


def test_the_remarks_say_why_runs_are_left_out(sweep: Path) -> None:
    screening = [made_run(f"first/{seed}", seed=seed, study={"stages": {"confirm": 1}}) for seed in (7, 8)]
    paired = pair_runs([*find_runs([sweep]), *screening])
    others = {made_run(name): f"differs from the baseline in {name}" for name in ("a", "b", "c", "d")}
    session = draw_session(
        replace(paired, reasons={**paired.reasons, **others}), settings(num_anchors=0), sounds
    )
    assert session.remarks[:4] == (
        "left out: 2 runs: belongs to the first stage",
        "left out: 1 run: differs from the baseline in a",
        "left out: 1 run: differs from the baseline in b",
        "left out: 2 runs for other reasons",
    )


def test_pairs_share_a_training_seed_and_use_no_tune_twice(sweep: Path) -> None:
    session = drawn(sweep, settings(PAIRS, num_tunes=6))
    pairs = [item.stimuli for item in session.items]
    assert [tuple(one.arm for one in pair) for pair in pairs] == 6 * [(BASELINE, CHANGED)] + [
        (CORPUS, SHUFFLED)
    ]
    assert all(first.seed == second.seed for first, second in pairs)
    assert len({(one.run_id, one.index) for pair in pairs[:-1] for one in pair}) == 12


def test_four_early_items_are_repeated_late_in_a_random_order(sweep: Path) -> None:
    items = drawn(sweep, settings(num_tunes=12)).items
    orders = [order_trials(items, 7, number) for number in range(30)]
    for order in orders:
        ids = [trial.item.item_id for trial in order]
        assert Counter(ids).most_common(5)[3][1] == 2 and len(order) == len(items) + 4
        for place, trial in enumerate(order):
            assert trial.is_repeat == (trial.item.item_id in ids[:place])
            if trial.is_repeat:
                assert ids.index(trial.item.item_id) < len(items) // 2 <= place
    assert len({tuple(trial.item.item_id for trial in order) for order in orders}) == 30
    again = [trial.item.item_id for trial in order_trials(items, 7, 0)]
    assert again == [trial.item.item_id for trial in orders[0]]


def test_sides_of_pairs_are_random_and_swapped_in_repeats(sweep: Path) -> None:
    items = drawn(sweep, settings(PAIRS, num_tunes=8, num_anchors=0)).items
    sides = []
    for number in range(40):
        first = {}
        for trial in order_trials(items, 7, number):
            if trial.is_repeat:
                assert trial.heard == first[trial.item.item_id][::-1]
            else:
                first[trial.item.item_id] = trial.heard
                sides.append(trial.item.stimuli.index(trial.heard[0]))
    assert 0.4 < np.mean(sides) < 0.6


def test_anchors_are_held_out_tunes_and_shuffled_ones(sweep: Path) -> None:
    run, rng = find_runs([sweep])[0], np.random.default_rng(0)
    record, corpus = run.record, corpus_of(run)
    anchors, remark = draw_anchors(record, 2, rng, sounds, corpus)
    assert [anchor.anchor for anchor in anchors] == [CORPUS, CORPUS, SHUFFLED, SHUFFLED] and remark == ""
    assert len({anchor.abc for anchor in anchors}) == 4
    assert "has no more valid tunes" in draw_anchors(record, 30, rng, sounds, corpus)[1]
    assert draw_anchors(record, 0, rng, sounds, corpus) == ([], "no anchors were requested")
    file = sweep.parent / "tunes.abc"
    file.write_text(file.read_text() + "\n\nX:99\nK:C\nCDEF GABc|]\n")
    assert "is not the one the runs were trained on" in draw_anchors(record, 2, rng, sounds, corpus)[1]
    file.unlink()
    none, remark = draw_anchors(record, 2, rng, sounds, corpus)
    assert not none and remark.startswith("no anchors: the corpus cannot be read")


def test_a_path_named_only_by_the_run_is_not_read(sweep: Path) -> None:
    record = find_runs([sweep])[0].record
    none, remark = draw_anchors(record, 2, np.random.default_rng(0), sounds, None)
    assert not none and remark.endswith("use --corpus PATH")


def test_shuffling_keeps_the_notes_and_all_between_them() -> None:
    tune = (
        'X:1\nT:A Great Tune\nM:4/4\nL:1/8\nK:D\n"Am"A2 B>c (3def|[GB]a {c}g2 z2 !trill!f|\nP:A\nA,^Gc\'d/2|]'
    )
    shuffled = with_shuffled_notes(tune, np.random.default_rng(3))
    header = tune.index('"Am"')
    assert shuffled[:header] == tune[:header] and shuffled != tune
    assert (
        sorted(shuffled) == sorted(tune)
        and "\nP:A\n" in shuffled
        and '"Am"' in shuffled
        and "[GB]" in shuffled
    )
    assert len(parse_tune(shuffled).notes) == len(parse_tune(tune).notes)


def test_sets_are_four_tunes_of_one_run_heard_last_and_once(sweep: Path) -> None:
    session = drawn(sweep, settings(num_tunes=4, num_sets=2))
    sets = [item for item in session.items if len(item.stimuli) == 4]
    assert Counter((item.stimuli[0].arm, item.stimuli[0].seed) for item in sets) == {
        (arm, seed): 1 for arm in (BASELINE, CHANGED) for seed in (0, 1)
    }
    for item in sets:
        assert (
            len({one.run_id for one in item.stimuli}) == 1 and len({one.index for one in item.stimuli}) == 4
        )
    assert not session.remarks
    order = order_trials(session.items, 7, 0)
    assert len(order) == num_trials(session.items) == 6 + 3 + 4
    assert [len(trial.heard) for trial in order] == 9 * [1] + 4 * [4]
    too_many = drawn(sweep, settings(num_tunes=4, num_sets=3))
    assert any("baseline: only 2 of 3 sets of four" in remark for remark in too_many.remarks)
