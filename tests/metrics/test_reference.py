import json
from pathlib import Path

import numpy as np
import pytest

from musicgen.errors import InputError
from musicgen.metrics import reference as reference_module
from musicgen.metrics.reference import Reference, build_reference, verdict


@pytest.fixture(scope="module")
def built(oneills: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, Path]:
    cache = tmp_path_factory.mktemp("cache")
    return build_reference(oneills[:100], num_tunes=20, num_splits=4, cache_dir=cache), cache


def test_corpus_tunes_stand_above_the_floor(built: tuple[Reference, Path]) -> None:
    reference, _ = built
    assert reference.sample_size == 20
    assert reference.num_corpus_tunes == 100
    for metric in ("validity/tune_rate", "validity/bar_rate", "structure/lag_repeat", "validity/parse_rate"):
        assert reference.mean[metric] > reference.floor[metric]
    assert reference.mean["validity/complete_rate"] == 1
    assert all(np.isfinite([*reference.mean.values(), *reference.sd.values(), *reference.floor.values()]))
    assert reference.sd["similarity/note_divergence"] > 0


def test_the_second_time_comes_from_the_cache(
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


def test_a_broken_cache_file_is_computed_anew(oneills: list[str], tmp_path: Path) -> None:
    arguments = {"num_tunes": 5, "num_splits": 2, "cache_dir": tmp_path}
    first = build_reference(oneills[:20], **arguments)
    (path,) = tmp_path.glob("*.json")
    for content in ("{", "[]", '{"sample_size": 3}'):
        path.write_text(content, encoding="utf-8")
        assert build_reference(oneills[:20], **arguments) == first
        assert json.loads(path.read_text(encoding="utf-8"))["sample_size"] == 5


def test_near_duplicates_stay_on_one_side(oneills: list[str]) -> None:
    """Every tune three times: apart, all is copied; together, only what the corpus itself repeats."""
    tripled = [tune for tune in oneills[:20] for _ in range(3)]
    apart = build_reference(tripled, num_tunes=10, num_splits=3)
    together = build_reference(tripled, num_tunes=10, num_splits=3, groups=[n // 3 for n in range(60)])
    assert apart.mean["originality/copied_share"] > 0.8
    assert together.mean["originality/copied_share"] < 0.2
    # Three groups of three fit into ten tunes, a fourth does not.
    assert together.mean["validity/complete_rate"] == pytest.approx(0.9)


def test_at_most_a_quarter_is_set_aside(oneills: list[str]) -> None:
    assert build_reference(oneills[:24], num_tunes=200, num_splits=2).sample_size == 6


def test_a_corpus_without_tunes_is_refused() -> None:
    with pytest.raises(InputError, match="0 tunes with notes, at least 8"):
        build_reference(["X:1\nK:C\n"], num_tunes=10)


def test_verdict_in_words() -> None:
    assert verdict(0.51, 0.5, 0.01) == "not distinguishable from the corpus"
    assert verdict(0.481, 0.5, 0.01) == "not distinguishable from the corpus"
    assert verdict(0.53, 0.5, 0.01) == "3.0 SD above the corpus"
    assert verdict(0.45, 0.5, 0.01) == "5.0 SD below the corpus"
    assert verdict(1.0, 1.0, 0.0) == "not distinguishable from the corpus"
    assert verdict(0.9, 1.0, 0.0) == "below the corpus, which does not vary"
