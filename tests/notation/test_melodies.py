from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from musicgen.config import compose_config
from musicgen.corpus.corpus import load_corpus
from musicgen.notation import melodies as melodies_module
from musicgen.notation.melodies import Melody, melody_of, read_melodies
from musicgen.notation.parsing import parse_tune

TEXTS = ["X:1\nM:4/4\nL:1/4\nK:D\nDF2A/|\n", "X:2\nK:C\n", "", "X:3\nL:1/8\nK:Ador\nAB(3cde|\n"]


def values(melodies: list[Melody]) -> list[tuple[list[int], list[int], int]]:
    return [(melody.pitches.tolist(), melody.durations.tolist(), melody.tonic) for melody in melodies]


def refuse(text: str) -> None:
    raise AssertionError("read again")


def test_a_melody_has_pitches_and_durations_as_written() -> None:
    (melody, *_) = read_melodies(TEXTS)
    assert melody.pitches.tolist() == [62, 66, 69]
    assert melody.intervals.tolist() == [4, 3]
    # 1/4, 1/2 and 1/8: numerator above 20 bits of denominator.
    assert melody.durations.tolist() == [2**20 + 4, 2**20 + 2, 2**20 + 8]
    assert melody.tonic == 2


PIECES = st.sampled_from(
    [*"ABCDEFGabcdefg|[]:()-><^_=zZx&~.,'/2348 !%{}\"\n", "(3", "|:", ":|", "|1", "[2", "[K:G]", "[L:1/4]"]
    + ["[V:2]", "[CEG]", "(&", "\nK:Bb\n", "\nV:2\n", "\n\n", "d2", "c'/", "A,3/2", "^f", "(3:2:4", "!trill!"]
)


@given(st.lists(PIECES, max_size=60), st.sampled_from(["K:D", "L:1/4\nK:Ador", "M:6/8\nV:1\nK:Eb", "K:none"]))
@example(["A", "-", "|", "A", "B", ">", "c", "^f", "f", "|", "f"], "K:D")
@example(["(3", "A", "B", "c", "d", "(&", "e", "|", "f"], "K:C")
def test_runs_of_notes_read_as_their_tokens_do(pieces: list[str], header: str) -> None:
    tune = f"X:1\n{header}\n{''.join(pieces)}"
    assert values(read_melodies([tune])) == values([melody_of(parse_tune(tune))])


@pytest.mark.parametrize("name", ["ryans", "airds"])
def test_melodies_of_a_corpus_are_those_of_its_parsed_tunes(name: str) -> None:
    tunes = load_corpus(compose_config([f"data={name}", "data.clean=false"]).data).tunes
    assert values(read_melodies(tunes)) == values([melody_of(parse_tune(tune)) for tune in tunes])


def test_cached_texts_are_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = read_melodies(TEXTS, tmp_path / "cache")
    monkeypatch.setattr(melodies_module, "split_header", refuse)
    again = read_melodies(TEXTS, tmp_path / "cache")
    assert values(again) == values(fresh)
    assert all(melody.pitches.dtype == melody.durations.dtype == np.int64 for melody in again)
    with pytest.raises(AssertionError, match="read again"):
        read_melodies(TEXTS[:3], tmp_path / "cache")
    with pytest.raises(AssertionError, match="read again"):
        read_melodies(TEXTS)


def test_changed_code_invalidates_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_melodies(TEXTS, tmp_path)
    monkeypatch.setattr(melodies_module, "source_code", lambda _: b"another reader")
    monkeypatch.setattr(melodies_module, "split_header", refuse)
    with pytest.raises(AssertionError, match="read again"):
        read_melodies(TEXTS, tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY", b"words"])
def test_a_broken_cache_file_is_ignored(content: bytes, tmp_path: Path) -> None:
    fresh = read_melodies(TEXTS, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert values(read_melodies(TEXTS, tmp_path)) == values(fresh)
    assert values(read_melodies(TEXTS, tmp_path)) == values(fresh)


def test_no_texts_give_no_melodies(tmp_path: Path) -> None:
    assert read_melodies([], tmp_path) == read_melodies([], tmp_path) == []
