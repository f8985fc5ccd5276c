import math

import numpy as np
import pytest

from musicgen.metrics import evaluation as evaluation_module
from musicgen.metrics.comparison import Comparison, Corpus
from musicgen.metrics.evaluation import Evaluation, Evaluator
from musicgen.metrics.registry import HEADLINE, METRICS, Direction
from musicgen.metrics.tunes import read_corpus
from tests.metrics.made_evaluators import evaluator_of, scale

SCALE = scale(40, 500)


@pytest.fixture(scope="module")
def evaluator(oneills: list[str]) -> Evaluator:
    return evaluator_of(SCALE, oneills[60:], oneills[:60])


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


def test_hostile_tunes_give_numbers_or_reasons(evaluator: Evaluator, oneills: list[str]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        hostile = [mutated(oneills[rng.integers(len(oneills))], rng) for _ in range(100)]
        assert_numbers_or_reasons(evaluator.evaluate(hostile))


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
def test_odd_samples_give_numbers_or_reasons(evaluator: Evaluator, tunes: list[str]) -> None:
    assert_numbers_or_reasons(evaluator.evaluate(tunes, num_requested=12))


def test_without_a_corpus_comparisons_give_reasons(oneills: list[str]) -> None:
    evaluation = Evaluator(SCALE, Corpus.of([], [])).evaluate(oneills[:2])
    assert_numbers_or_reasons(evaluation)
    assert evaluation.reasons["similarity/note_divergence"] == "no training tune has a note"
    assert evaluation.reasons["originality/copied_share"] == "no training tune has a note"
    assert evaluation.metrics["validity/parse_rate"] is not None


def test_training_tunes_are_copies_of_themselves(evaluator: Evaluator, oneills: list[str]) -> None:
    evaluation = evaluator.evaluate(oneills[60:70])
    assert evaluation.metrics["originality/copied_share"] == 1
    assert evaluation.metrics["originality/novelty_8"] == 0
    assert evaluation.num_tunes == 10
    for row in evaluation.per_tune:
        assert row["nearest_tune"] == row["title"]
        assert row["longest_copy"] == row["num_notes"]


def test_undelivered_tunes_count_as_failures(evaluator: Evaluator, oneills: list[str]) -> None:
    some = evaluator.evaluate(oneills[:10])
    more = evaluator.evaluate(oneills[:10], num_requested=20)
    rate = some.metrics["validity/tune_rate"]
    assert rate is not None
    assert more.metrics["validity/tune_rate"] == rate / 2
    assert more.metrics["validity/bar_rate"] == some.metrics["validity/bar_rate"]


def test_large_samples_are_cut_to_the_sample_size(evaluator: Evaluator, oneills: list[str]) -> None:
    evaluation = evaluator.evaluate(oneills[:60])
    assert evaluation.num_tunes == SCALE.sample_size
    assert len(evaluation.per_tune) == 60
    assert evaluation.metrics == evaluator.evaluate(oneills[:60]).metrics


def test_groups_use_the_scale_of_their_reference(evaluator: Evaluator, oneills: list[str]) -> None:
    tunes, keys = oneills[:40], ["X:", "K:D"] * 20
    large = evaluator_of(scale(40, 2500), oneills[60:], [])
    by_key = large.evaluate_by(tunes, keys)
    assert all(group.metrics["diversity/distinct_4"] is None for group in by_key.values())
    by_key = evaluator.evaluate_by(tunes, keys, reference=scale(20, 900))
    assert all(group.num_tunes == 20 for group in by_key.values())
    assert all(group.metrics["diversity/distinct_4"] is not None for group in by_key.values())


def test_only_the_latest_comparison_is_cached(evaluator: Evaluator, oneills: list[str]) -> None:
    tunes = oneills[:12]
    comparison = evaluator.compare(tunes)
    assert evaluator.compare(list(tunes)) is evaluator.compare(tunes, [True] * 12) is comparison
    cut = evaluator.compare(tunes, [False] * 12)
    assert not any(tune.is_ended for tune in cut.delivered)
    assert evaluator.compare(tunes[1:]).num_requested == 11
    assert evaluator.compare(tunes, num_requested=20).num_requested == 20


def test_figures_are_drawn_and_named(evaluator: Evaluator, oneills: list[str], tmp_path) -> None:
    figures = evaluator.figures(oneills[:30])
    assert set(figures) == {"pitches", "transitions", "lengths", "originality"}
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert all(ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes)
    assert evaluator.figures(["X:1\nK:C\n"]) == {}
    assert set(evaluator.figures(["X:1\nK:C\nC"])) == set(figures)


def test_ended_and_requested_tunes_are_counted(oneills: list[str]) -> None:
    evaluator = evaluator_of(SCALE, oneills[60:64], [])
    one = evaluator.evaluate(oneills[:4], num_requested=8, ended=[True, True, False, False])
    assert one.metrics["validity/complete_rate"] == 2 / 8
    assert one.reasons["diversity/distinct_2"].endswith("fewer than the note budget of 500")
    assert one.num_tunes == 4 and len(one.per_tune) == 4


def test_more_tunes_than_requested_are_an_assertion_error(evaluator: Evaluator, oneills: list[str]) -> None:
    with pytest.raises(AssertionError, match="more tunes than were requested"):
        evaluator.evaluate(oneills[:3], num_requested=2)
    assert evaluator.evaluate(oneills[:3], num_requested=3).comparison.num_requested == 3


def test_the_sample_depends_on_the_seed(oneills: list[str]) -> None:
    samples = []
    for seed in (0, 0, 1):
        one = evaluator_of(scale(10, 100), oneills[60:64], [], seed=seed)
        samples.append([tune.text for tune in one.compare(oneills[:30]).sample])
    assert samples[0] == samples[1] != samples[2]


def test_abc2midi_runs_by_default(oneills: list[str]) -> None:
    corpus = Corpus.of(read_corpus(oneills[60:64]), [])
    delivered = Evaluator(SCALE, corpus).compare(oneills[:2]).delivered
    assert None not in [tune.parses for tune in delivered]
    without = Evaluator(SCALE, corpus, runs_abc2midi=False)
    assert without.evaluate(oneills[:2]).reasons["validity/parse_rate"] == "abc2midi was not run"


def test_figures_reuse_the_comparison_of_the_same_tunes(
    evaluator: Evaluator, oneills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Comparison] = []
    monkeypatch.setattr(evaluation_module, "evaluation_figures", lambda one: drawn.append(one) or {})
    latest = evaluator.compare(oneills[:5], [False] * 5)
    evaluator.figures(oneills[:5])
    evaluator.figures(oneills[:6])
    assert drawn[0] is latest and len(drawn[1].delivered) == 6


def test_groups_are_evaluated_separately(evaluator: Evaluator, oneills: list[str]) -> None:
    by_key = evaluator.evaluate_by(oneills[:12], ["b", "a", "b"] * 4, ended=[True] * 11 + [False])
    assert list(by_key) == ["b", "a"]
    assert by_key["a"].metrics == evaluator.evaluate(oneills[1:12:3]).metrics
    comparisons = [group.comparison for group in by_key.values()]
    assert [one.num_requested for one in comparisons] == [8, 4]
    assert {(one.sample_size, one.note_budget) for one in comparisons} == {(40, 500)}
    assert by_key["b"].metrics["validity/complete_rate"] == 7 / 8 and by_key["a"].num_tunes == 4
