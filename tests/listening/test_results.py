"""The tables of a session, from generated ratings."""

import csv
import math
from pathlib import Path

import pandas
import pytest

from musicgen.effects.summary import summarise
from musicgen.listening.service import ListeningService
from musicgen.listening.session import PAIRS
from musicgen.listening.statistics import rank_correlation
from musicgen.records.ratings import read_ratings
from musicgen.records.runs import find_runs
from tests.listening.made_session import BASELINE, CHANGED, begin, rate_all, settings

POINTS = {BASELINE: 2, CHANGED: 4, "corpus": 5, "shuffled": 1}


def test_means_and_reliability_of_two_listeners(listening: ListeningService, sweep: Path) -> None:
    rate_all(listening.database, "Anna", POINTS)
    rate_all(listening.database, "Ben", {**POINTS, BASELINE: 3})
    results = listening.results()
    table = pandas.read_csv(sweep / "listening.csv").set_index(["arm", "criterion"])
    assert list(table.index[:4]) == [
        (BASELINE, name) for name in ("musicality", "variety", "structure", "emotion_and_style")
    ]
    row = table.loc[(BASELINE, "musicality")]
    # Repeats do not count, which leaves four tunes and two listeners.
    counts = [row[f"num_{what}"] for what in ("ratings", "listeners", "tunes", "runs")]
    assert row["mean"] == 2.5 and counts == [8, 2, 4, 2]
    assert row["ci_low"] < 2.5 < row["ci_high"]
    assert table.loc[("shuffled", "structure")]["mean"] == 1
    ratings = read_ratings(sweep / "ratings.csv")
    assert len(ratings) == 2 * 14 * 4 and sum(rating.is_repeat for rating in ratings) == 2 * 4 * 4
    assert {rating.listener for rating in ratings} == {"Anna", "Ben"}
    anna = results.reliability[0]
    assert (anna.num_repeated, anna.num_equal, anna.corpus_above_shuffled) == (16, 16, 4.0)
    assert 0.5 < results.between_listeners["musicality"] < 1
    assert {path.name for path in results.written} == {"ratings.csv", "listening.csv", "agreement.csv"}


def test_listeners_who_have_not_ended_are_not_counted(listening: ListeningService, sweep: Path) -> None:
    ben = listening.database.enter("Ben")
    trial = listening.database.trials(ben.listener_id)[0].trial_id
    listening.database.answer(ben.listener_id, trial, "musicality", 3)
    results = listening.results()
    assert results.listeners == () and results.num_under_way == 1
    assert not list(sweep.glob("*ratings.csv")) and not list(sweep.glob("listening.csv"))
    rate_all(listening.database, "Anna", POINTS)
    assert {rating.listener for rating in read_ratings(listening.results().written[0])} == {"Anna"}


def test_the_effects_table_includes_ratings(listening: ListeningService, sweep: Path) -> None:
    rate_all(listening.database, "Anna", POINTS)
    listening.results()
    summary = summarise(find_runs([sweep]), sweep, draws=False)
    (row,) = (effect for effect in summary.effects if effect.metric == "listening/musicality")
    assert (row.parameter, row.num_seeds, row.baseline_mean, row.mean) == ("model.cell", 2, 2.0, 4.0)
    runs = pandas.read_csv(sweep / "runs.csv")
    heard = {(row["model.cell"], row["listening/variety"]) for row in runs.to_dict("records")}
    assert heard == {("gru", 4.0), ("lstm", 2.0)}


def test_agreement_of_metrics_with_ratings(listening: ListeningService, sweep: Path) -> None:
    # The lower the loss of a run, the better its rating.
    database = listening.database
    anna = database.enter("Anna")
    points = {(CHANGED, 0): 5, (CHANGED, 1): 4, (BASELINE, 0): 3, (BASELINE, 1): 2}
    for trial in database.trials(anna.listener_id):
        heard = database.stimuli[str(database.stimulus_of(trial.sound_ids[0]))]
        point = points.get((heard.arm, heard.seed if heard.seed is not None else -1), 1)
        database.answer(anna.listener_id, trial.trial_id, "musicality", point)
    database.end(anna.listener_id)
    listening.results()
    table = pandas.read_csv(sweep / "agreement.csv").set_index(["unit", "metric"])
    loss = table.loc[("run", "fit/validation_loss")]
    assert loss["num_units"] == 4 and loss["better"] == "lower"
    # Two arms of two seeds leave nothing within both; constant; never measured.
    assert math.isnan(loss["rank_correlation"])
    assert math.isnan(table.loc[("run", "validity/sound_rate")]["rank_correlation"])
    assert table.loc[("tune", "lag_repeat")]["num_units"] == 0
    notes = table.loc[("tune", "num_notes")]
    rated = {
        (rating.run_id, rating.index): (rating.index, rating.rating, rating.arm)
        for rating in read_ratings(sweep / "ratings.csv")
        if rating.run_id and not rating.is_repeat
    }
    # The made tunes have as many notes as their index says.
    indices, points, arms = zip(*rated.values(), strict=True)
    expected = rank_correlation(indices, points, arms)
    assert expected.value != rank_correlation(indices, points).value
    assert notes["rank_correlation"] == pytest.approx(expected.value) and notes["num_units"] == 8


def test_preferences_of_pairs(sweep: Path) -> None:
    listening = begin(sweep, settings(PAIRS, num_tunes=8))
    for name, better in (("Anna", POINTS), ("Ben", POINTS), ("Cleo", {**POINTS, CHANGED: 1})):
        rate_all(listening.database, name, better)
    results = listening.results()
    table = pandas.read_csv(sweep / "preferences.csv").set_index("arm")
    arm, anchors = table.loc[CHANGED], table.loc["corpus"]
    counts = [arm[f"num_{what}"] for what in ("chosen", "choices", "pairs", "listeners", "seeds")]
    assert counts == [16, 24, 8, 3, 2]
    assert arm["share"] == pytest.approx(2 / 3) and arm["ci_low"] < 2 / 3 < arm["ci_high"]
    assert math.isnan(arm["p_holm"]) and arm["verdict"] == "cannot be told: 2 seeds of at least 3"
    assert anchors["share"] == 1 and anchors["num_choices"] == 3 and math.isnan(anchors["p_holm"])
    assert results.repeats == (12, 12)
    with (sweep / "choices.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * (9 + 4) and {row["side"] for row in rows} == {"1", "2"}


def test_the_variety_of_sets_is_a_metric_of_the_run(sweep: Path) -> None:
    listening = begin(sweep, settings(num_tunes=4, num_sets=1))
    rate_all(listening.database, "Anna", POINTS)
    listening.results()
    table = pandas.read_csv(sweep / "listening.csv").set_index(["arm", "criterion"])
    assert (
        table.loc[(CHANGED, "set_variety")]["mean"] == 4
        and table.loc[(CHANGED, "set_variety")]["num_tunes"] == 1
    )
    assert ("corpus", "set_variety") not in table.index
    (run_id,) = {
        rating.run_id
        for rating in read_ratings(sweep / "ratings.csv")
        if rating.criterion == "set_variety" and rating.arm == CHANGED
    }
    runs = pandas.read_csv(summarise(find_runs([sweep]), sweep, draws=False).folder / "runs.csv")
    assert runs.set_index("run_id").loc[run_id]["listening/set_variety"] == 4
