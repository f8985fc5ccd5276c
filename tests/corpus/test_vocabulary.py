import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.corpus.vocabulary import UNKNOWN, Vocabulary
from musicgen.errors import InputError
from musicgen.notation.spelling import Spelling

DEGREES = Spelling("degrees")
NUMBERS = "".join(map(chr, range(1000, 1300)))


@given(st.text(max_size=50))
def test_encoding_round_trips(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.size == len(set(text) | {"\n"}) + 1


def test_degrees_share_their_tokens_among_keys() -> None:
    tunes = ["X:1\nK:D\nd2F", "X:1\nK:G\ng2B"]
    vocabulary = Vocabulary.of(map(DEGREES.spell, tunes), DEGREES)
    in_d, in_g = (vocabulary.encode(DEGREES.spell(tune)) for tune in tunes)
    assert (in_d[-3:] == in_g[-3:]).all()
    assert [vocabulary.decode(tokens) for tokens in (in_d, in_g)] == tunes
    assert (vocabulary.encode_prompt(tunes[0]) == in_d).all()


def test_an_unknown_character_has_the_unknown_token() -> None:
    vocabulary = Vocabulary.of(["abc"])
    assert vocabulary.encode("aé").tolist() == [vocabulary.encode("a")[0], UNKNOWN]


@pytest.mark.parametrize(("text", "kind"), [("abc\n", np.uint8), (f"{NUMBERS}abc", np.uint16)])
def test_parts_are_encoded_in_the_smallest_type(text: str, kind: type) -> None:
    vocabulary = Vocabulary.of([text])
    tokens = vocabulary.encode_parts([text[:2], "é", text[2:]])
    assert tokens.dtype == kind
    assert tokens.tolist() == vocabulary.encode(f"{text[:2]}é{text[2:]}").tolist()


def test_a_prompt_with_an_unknown_character_is_rejected() -> None:
    with pytest.raises(InputError, match=r"sampling\.prompts: 'aé' has the character 'é' at position 1"):
        Vocabulary.of(["abc"]).encode_prompt("aé")
