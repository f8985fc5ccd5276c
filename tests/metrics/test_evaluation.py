import math

import numpy as np
import pytest

from musicgen.metrics.comparison import Corpus
from musicgen.metrics.evaluation import Evaluation, compare, evaluate_by
from musicgen.metrics.figures import evaluation_figures
from musicgen.metrics.registry import HEADLINE, METRICS, Direction
from tests.metrics.made_comparisons import compared, corpus_of, scale

SCALE = scale(40, 500)


@pytest.fixture(scope="module")
def known(oneills: list[str]) -> Corpus:
    return corpus_of(oneills[60:], oneills[:60])


def assert_numbers_or_reasons(evaluation: Evaluation) -> None:
    measured = {name for name, metric in METRICS.items() if metric.compute is not None}
    assert set(evaluation.metrics) == measured
    for name, value in evaluation.metrics.items():
        assert (value is None) == (name in evaluation.reasons)
        assert value is None or math.isfinite(value)
    for row in evaluation.per_tune:
        assert all(not isinstance(cell, float) or math.isfinite(cell) for cell in row.values())


def mutated(tune: str, rng: np.random.Generator) -> str:
    """The tune truncated, or with characters replaced, doubled or dropped; or random characters."""
    kind = rng.integers(5)
    alphabet = "abcdefgABCDEFGzx|:[]()'\"!{}<>^_=-/0123456789 \n,&%\\XTMLKVwéŋ\x00"
    if kind == 0:
        return "".join(rng.choice(list(alphabet), rng.integers(0, 200)))
    if kind == 1:
        return tune[: rng.integers(0, len(tune))]
    if kind == 2:
        return tune[rng.integers(0, len(tune)) :]
    characters = list(tune)
    for place in rng.integers(0, len(characters), rng.integers(1, 12)):
        characters[place] = str(rng.choice(list(alphabet))) * int(rng.integers(0, 3))
    return "".join(characters)


def test_the_headline_metrics_exist() -> None:
    assert set(HEADLINE) <= set(METRICS)
    assert all(metric.description and metric.direction in Direction for metric in METRICS.values())
    assert {metric.family for metric in METRICS.values()} == {
        "fit", "validity", "similarity", "diversity", "originality", "structure",
    }  # fmt: skip


def test_hostile_tunes_give_numbers_or_reasons(known: Corpus, oneills: list[str]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        hostile = [mutated(oneills[rng.integers(len(oneills))], rng) for _ in range(100)]
        assert_numbers_or_reasons(Evaluation.of(compared(hostile, SCALE, known)))


@pytest.mark.parametrize(
    "tunes",
    [
        [],
        [""],
        ["X:1\nK:C\n"],
        ["X:1\nK:C\nC"],
        ["X:1\nK:C\nzzzz|z4|]"],
        ["X:1\nM:4/4\nL:1/4\nK:C\n" + "C" * 5000],
        ["X:1\nK:C\nC99999999999999999999/3 D/99999999999999999999|"] * 12,
        ["\x00\ufffd\n" * 100],
    ],
)
def test_odd_samples_give_numbers_or_reasons(known: Corpus, tunes: list[str]) -> None:
    assert_numbers_or_reasons(Evaluation.of(compared(tunes, SCALE, known, num_requested=12)))


def test_without_a_corpus_comparisons_give_reasons(oneills: list[str]) -> None:
    evaluation = Evaluation.of(compare(oneills[:2], SCALE, Corpus.of([], [])))
    assert_numbers_or_reasons(evaluation)
    assert evaluation.reasons["similarity/note_divergence"] == "no training tune has a note"
    assert evaluation.reasons["originality/copied_share"] == "no training tune has a note"
    assert evaluation.metrics["validity/parse_rate"] is not None


def test_training_tunes_are_copies_of_themselves(known: Corpus, oneills: list[str]) -> None:
    evaluation = Evaluation.of(compared(oneills[60:70], SCALE, known))
    assert evaluation.metrics["originality/copied_share"] == 1
    assert evaluation.metrics["originality/novelty_8"] == 0
    assert len(evaluation.comparison.sample) == 10
    for row in evaluation.per_tune:
        assert row["nearest_tune"] == row["title"]
        assert row["longest_copy"] == row["num_notes"]


def test_undelivered_tunes_count_as_failures(known: Corpus, oneills: list[str]) -> None:
    some = Evaluation.of(compared(oneills[:10], SCALE, known))
    more = Evaluation.of(compared(oneills[:10], SCALE, known, num_requested=20))
    rate = some.metrics["validity/tune_rate"]
    assert rate is not None
    assert more.metrics["validity/tune_rate"] == rate / 2
    assert more.metrics["validity/bar_rate"] == some.metrics["validity/bar_rate"]


def test_large_samples_are_cut_to_the_sample_size(known: Corpus, oneills: list[str]) -> None:
    evaluation = Evaluation.of(compared(oneills[:60], SCALE, known))
    assert len(evaluation.comparison.sample) == SCALE.sample_size
    assert len(evaluation.per_tune) == 60
    assert evaluation.metrics == Evaluation.of(compared(oneills[:60], SCALE, known)).metrics


def test_groups_use_the_scale_of_their_reference(known: Corpus, oneills: list[str]) -> None:
    keys, large = ["X:", "K:D"] * 20, scale(40, 2500)
    comparison = compared(oneills[:40], large, known)
    by_key = evaluate_by(comparison, keys, large)
    assert all(group.metrics["diversity/distinct_4"] is None for group in by_key.values())
    by_key = evaluate_by(comparison, keys, scale(20, 900))
    assert all(len(group.comparison.sample) == 20 for group in by_key.values())
    assert all(group.metrics["diversity/distinct_4"] is not None for group in by_key.values())


def test_all_tunes_have_ended_and_were_requested_by_default(known: Corpus, oneills: list[str]) -> None:
    one = compared(oneills[:12], SCALE, known)
    assert one.num_requested == 12 and all(tune.is_ended for tune in one.delivered)


def test_figures_are_drawn_and_named(known: Corpus, oneills: list[str], tmp_path) -> None:
    figures = evaluation_figures(compared(oneills[:30], SCALE, known))
    assert set(figures) == {"pitches", "transitions", "lengths", "originality"}
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert all(ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes)
    assert evaluation_figures(compared(["X:1\nK:C\n"], SCALE, known)) == {}
    assert set(evaluation_figures(compared(["X:1\nK:C\nC"], SCALE, known))) == set(figures)


def test_ended_and_requested_tunes_are_counted(oneills: list[str]) -> None:
    ended = [True, True, False, False]
    few = corpus_of(oneills[60:64], [])
    one = Evaluation.of(compared(oneills[:4], SCALE, few, num_requested=8, ended=ended))
    assert one.metrics["validity/complete_rate"] == 2 / 8
    assert one.reasons["diversity/distinct_2"].endswith("fewer than the note budget of 500")
    assert len(one.comparison.sample) == len(one.per_tune) == 4


def test_more_tunes_than_requested_are_an_assertion_error(known: Corpus, oneills: list[str]) -> None:
    with pytest.raises(AssertionError, match="more tunes than were requested"):
        compared(oneills[:3], SCALE, known, num_requested=2)
    assert compared(oneills[:3], SCALE, known, num_requested=3).num_requested == 3


def test_the_sample_depends_on_the_seed(oneills: list[str]) -> None:
    samples = []
    for seed in (0, 0, 1):
        one = compared(oneills[:30], scale(10, 100), corpus_of(oneills[60:64], []), seed=seed)
        samples.append([tune.text for tune in one.sample])
    assert samples[0] == samples[1] != samples[2]


def test_abc2midi_runs_by_default(oneills: list[str]) -> None:
    few = corpus_of(oneills[60:64], [])
    assert None not in [tune.parses for tune in compare(oneills[:2], SCALE, few).delivered]
    without = Evaluation.of(compared(oneills[:2], SCALE, few))
    assert without.reasons["validity/parse_rate"] == "abc2midi was not run"


def test_groups_are_evaluated_separately(known: Corpus, oneills: list[str]) -> None:
    all_tunes = compared(oneills[:12], SCALE, known, ended=[True] * 11 + [False])
    by_key = evaluate_by(all_tunes, ["b", "a", "b"] * 4, SCALE)
    assert list(by_key) == ["b", "a"]
    assert by_key["a"].metrics == Evaluation.of(compared(oneills[1:12:3], SCALE, known)).metrics
    comparisons = [group.comparison for group in by_key.values()]
    assert [one.num_requested for one in comparisons] == [8, 4]
    assert {(one.sample_size, one.note_budget) for one in comparisons} == {(40, 500)}
    assert by_key["b"].metrics["validity/complete_rate"] == 7 / 8 and len(comparisons[1].sample) == 4
