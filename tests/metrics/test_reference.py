import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from musicgen.errors import InputError
from musicgen.metrics import reference as reference_module
from musicgen.metrics.comparison import Comparison
from musicgen.metrics.reference import Reference, build_reference
from tests.soak.commands import small_tune


@pytest.fixture(scope="module")
def built(oneills: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, Path]:
    cache = tmp_path_factory.mktemp("cache")
    return build_reference(oneills[:100], num_tunes=20, num_splits=4, cache_dir=cache), cache


def test_corpus_tunes_score_above_the_floor(built: tuple[Reference, Path]) -> None:
    reference, _ = built
    assert reference.sample_size == 20
    for metric in ("validity/tune_rate", "validity/bar_rate", "structure/lag_repeat", "validity/parse_rate"):
        assert reference.mean[metric] > reference.floor[metric]
    assert reference.mean["validity/complete_rate"] == 1
    assert all(np.isfinite([*reference.mean.values(), *reference.sd.values(), *reference.floor.values()]))
    assert reference.sd["similarity/note_divergence"] > 0


def test_references_are_cached_by_all_arguments(
    built: tuple[Reference, Path], oneills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, cache = built

    def fail(*_: object) -> Reference:
        raise AssertionError("computed again")

    monkeypatch.setattr(reference_module, "_compute", fail)
    again = build_reference(oneills[:100], num_tunes=20, num_splits=4, cache_dir=cache)
    assert again == reference
    for tunes, num_tunes, groups, num_splits in (
        (oneills[1:101], 20, None, 4),
        (oneills[:100], 19, None, 4),
        (oneills[:100], 20, [0, *range(99)], 4),
        (oneills[:100], 20, None, 5),
    ):
        with pytest.raises(AssertionError, match="computed again"):
            build_reference(tunes, num_tunes=num_tunes, groups=groups, num_splits=num_splits, cache_dir=cache)


def test_a_broken_reference_cache_is_recomputed(oneills: list[str], tmp_path: Path) -> None:
    arguments = {"num_tunes": 5, "num_splits": 2, "cache_dir": tmp_path}
    first = build_reference(oneills[:20], **arguments)
    (path,) = tmp_path.glob("*.json")
    for content in ("{", "[]", '{"sample_size": 3}'):
        path.write_text(content, encoding="utf-8")
        assert build_reference(oneills[:20], **arguments) == first
        assert json.loads(path.read_text(encoding="utf-8"))["sample_size"] == 5


def test_a_cached_reference_of_an_earlier_version_is_read(
    built: tuple[Reference, Path], oneills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, cache = built
    (path,) = cache.glob("reference-*.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"num_corpus_tunes": 100}), encoding="utf-8")
    monkeypatch.setattr(reference_module, "_compute", lambda *_: pytest.fail("computed again"))
    assert build_reference(oneills[:100], num_tunes=20, num_splits=4, cache_dir=cache) == reference


def test_near_duplicates_are_held_out_together(oneills: list[str]) -> None:
    """Every tune occurs three times: if separated, all is copied; if kept together, hardly anything."""
    tripled = [tune for tune in oneills[:20] for _ in range(3)]
    apart = build_reference(tripled, num_tunes=10, num_splits=3)
    together = build_reference(tripled, num_tunes=10, num_splits=3, groups=[n // 3 for n in range(60)])
    assert apart.mean["originality/copied_share"] > 0.8
    assert together.mean["originality/copied_share"] < 0.2
    # Ten tunes have room for three groups of three.
    assert together.mean["validity/complete_rate"] == pytest.approx(0.9)


def test_at_most_a_quarter_is_held_out(oneills: list[str]) -> None:
    assert build_reference(oneills[:24], num_tunes=200, num_splits=2).sample_size == 6


def test_a_corpus_without_tunes_is_rejected() -> None:
    with pytest.raises(InputError, match="0 tunes with notes; at least 8"):
        build_reference(["X:1\nK:C\n"], num_tunes=10)


def test_a_reference_is_also_by_metric() -> None:
    reference = Reference(20, 500, mean={"a": 0.5, "b": 1.0}, sd={"a": 0.1, "b": 0.2}, floor={})
    assert reference.by_metric == {"a": {"mean": 0.5, "sd": 0.1}, "b": {"mean": 1.0, "sd": 0.2}}


def test_a_reference_needs_eight_tunes_with_notes() -> None:
    texts = [small_tune(number) for number in range(8)]
    with pytest.raises(InputError, match="7 tunes with notes; at least 8 are needed"):
        build_reference([*texts[:7], "X:1\nK:C\n"], num_tunes=2, num_splits=2)
    assert build_reference(texts, num_tunes=2, num_splits=2).sample_size == 2


@dataclass
class Measured:
    """Replaces `measure`: call number n has the value n for "all"; the third lacks "some"."""

    comparisons: list[Comparison] = field(default_factory=list)

    def __call__(self, comparison: Comparison) -> tuple[dict[str, float | None], dict[str, str]]:
        self.comparisons.append(comparison)
        number = len(self.comparisons)
        return {"all": float(number), "some": None if number == 3 else 1.0}, {}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    found = Measured()
    monkeypatch.setattr(reference_module, "measure", found)
    return found


def test_mean_and_sd_use_all_splits_and_the_floor_three(measured: Measured) -> None:
    texts = [small_tune(number) for number in range(40)]
    reference = build_reference(texts, num_tunes=10, num_splits=5)
    # The splits have the values 1 to 5, the floor 6, 7, 8.
    assert reference.mean == {"all": 3.0}
    assert reference.sd == {"all": pytest.approx(np.sqrt(2.5))}
    assert reference.floor == {"all": 7.0, "some": 1.0}
    # Half of the notes of ten tunes with 64 notes each.
    assert (reference.sample_size, reference.note_budget) == (10, 320)


def test_splits_measure_held_out_tunes_against_the_rest(measured: Measured) -> None:
    texts = [small_tune(number) for number in range(39)] + ["X:1\nK:C\n"]
    build_reference(texts, num_tunes=100, num_splits=5)
    splits = []
    for number, comparison in enumerate(measured.comparisons):
        training = {tune.text for tune in comparison.corpus.training}
        held_out = [tune.text for tune in comparison.corpus.held_out]
        # A quarter of forty; the two-sample test draws its held-out tunes from the rest.
        assert comparison.sample_size == comparison.num_requested == len(comparison.delivered) == 10
        assert len(set(held_out)) == 10 and set(held_out) <= training
        assert "X:1\nK:C\n" not in training
        if number < 5:
            out = {tune.text for tune in comparison.delivered}
            splits.append(frozenset(out))
            assert not out & training and out | training | {"X:1\nK:C\n"} == set(texts)
            assert comparison.seed == number
            (own,) = comparison.corpus.index.find([comparison.delivered[1].melody])
            assert own.longest_copy < 64
        else:
            assert training == set(texts[:39]) - splits[number - 5] and comparison.seed == number - 5
    assert len(set(splits)) == 5 and len(measured.comparisons) == 8


def test_floor_tunes_are_capped_at_a_percentile(measured: Measured) -> None:
    texts = [small_tune(number) for number in range(40)]
    build_reference(texts, num_tunes=10, num_splits=2)
    floor = [tune for comparison in measured.comparisons[2:] for tune in comparison.delivered]
    longest = max(map(len, texts))
    assert len(floor) == 20 and max(len(tune.text) for tune in floor) <= longest
    assert all(
        tune.is_ended == (len(tune.text) < int(np.percentile(list(map(len, texts)), 99))) for tune in floor
    )
    assert all(tune.parses is not None for tune in floor)
    assert len({tune.text for tune in floor}) > 10


def test_whole_groups_that_fit_are_held_out(measured: Measured) -> None:
    texts = [small_tune(number) for number in range(40)]
    groups = [number // 4 for number in range(40)]
    build_reference(texts, num_tunes=10, num_splits=3, groups=groups)
    for comparison in measured.comparisons[:3]:
        out = [groups[texts.index(tune.text)] for tune in comparison.delivered]
        assert sorted(Counter(out).values()) == [4, 4]
