import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.config import compose_config
from musicgen.corpus.corpus import load_corpus
from musicgen.notation.degrees import _respelled_line, from_degrees, to_degrees


def degrees(body: str, key: str = "D") -> str:
    header = f"X:1\nT:A Bag\nM:4/4\nK:{key}\n"
    spelled = to_degrees(header + body)
    assert spelled.startswith(header)
    return spelled.removeprefix(header)


@pytest.mark.parametrize(
    ("key", "body", "spelled"),
    [
        ("D", "d2 FA|[DFA]{e}d'D,", "c2 EG|[CEG]{d}c'C,"),
        ("G", "G,Gg^c/2=f>B", "C,Cc^F/2=B>E"),
        ("Bb", "BbA", "CcB,"),
        ("B Minor", "B2 A", "C2 B,"),
        ("Hp", "Aae", "CcG"),
        ("C", "C,c'", "C,c'"),
        ("none", "CD", "CD"),
        ("D", '"Am"A !D.C.!d "^Ad lib"f %AB', '"Am"G !D.C.!c "^Ad lib"e %AB'),
        ("D", "d[K:G]g[M:6/8]G", "c[K:G]c[M:6/8]C"),
        ("D", "d\nK:A\na\nP:A\nG:|", "c\nK:A\nc\nP:A\nB,:|"),
        ("D", "d\nK:clef=bass\nd", "c\nK:clef=bass\nc"),
    ],
)
def test_the_tonic_becomes_c(key: str, body: str, spelled: str) -> None:
    assert degrees(body, key) == spelled


def test_the_beginning_of_a_tune_can_be_spelled() -> None:
    assert to_degrees("X:1\nT:A") == "X:1\nT:A"
    assert to_degrees("X:1\nK:D") == "X:1\nK:D"


@given(st.text(alphabet="ABCDEFGabcdefg,'|:[]\"!K\n 23/^_=%", max_size=60), st.sampled_from("CDEFGAB"))
def test_spelling_back_gives_the_same_notes(body: str, tonic: str) -> None:
    tune = f"X:1\nK:{tonic}\n{body}"
    usual = from_degrees(to_degrees(tune))
    assert from_degrees(to_degrees(usual)) == usual


@given(st.text(alphabet="ABCGacg,'|[]\"!%:K 2", max_size=30), st.integers(-6, 6))
def test_a_line_without_marks_is_respelled_as_by_tokens(line: str, shift: int) -> None:
    in_quotes = f'""{line}'
    assert _respelled_line(line, shift, 1)[0] == _respelled_line(in_quotes, shift, 1)[0].removeprefix('""')


def test_every_tune_of_a_corpus_is_spelled_back_exactly() -> None:
    tunes = load_corpus(compose_config(["data=ryans"]).data).tunes
    assert [from_degrees(to_degrees(tune)) for tune in tunes] == list(tunes)
