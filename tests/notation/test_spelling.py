"""Spelled tunes are cached, because a large corpus takes many seconds."""

from pathlib import Path

import pytest

from musicgen.notation import spelling as spelling_module
from musicgen.notation.spelling import AS_WRITTEN, Spelling, spell_all

TUNES = ["X:1\nM:4/4\nL:1/4\nK:D\nDFAd|\n", "X:2\nT:\u00e9\nK:C\nc4|"]
DEGREES = Spelling("degrees", has_plan=True)


def refuse(*_: object) -> str:
    raise AssertionError("spelled again")


def test_spelled_tunes_are_cached_by_tunes_and_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled = spell_all(TUNES, "a", DEGREES, tmp_path)
    assert spelled == list(map(DEGREES.spell, TUNES)) == spell_all(TUNES, "a", DEGREES)
    monkeypatch.setattr(spelling_module, "to_degrees", refuse)
    assert spell_all(TUNES, "a", DEGREES, tmp_path) == spelled
    for digest, spelling in (("b", DEGREES), ("a", Spelling("degrees"))):
        with pytest.raises(AssertionError, match="spelled again"):
            spell_all(TUNES, digest, spelling, tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '["one"]', "{}", "[" * 100_000])
def test_a_broken_cache_of_spelled_tunes_is_replaced(content: str, tmp_path: Path) -> None:
    spelled = spell_all(TUNES, "a", DEGREES, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(content, encoding="utf-8")
    assert spell_all(TUNES, "a", DEGREES, tmp_path) == spelled
    assert path.read_text(encoding="utf-8") != content


def test_tunes_spelled_as_written_are_not_cached(tmp_path: Path) -> None:
    assert spell_all(TUNES, "a", AS_WRITTEN, tmp_path) == TUNES
    assert not list(tmp_path.iterdir())
