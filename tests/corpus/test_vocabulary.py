import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.corpus.vocabulary import UNKNOWN, Vocabulary
from musicgen.errors import InputError


@given(st.text(max_size=50))
def test_encoding_round_trips(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.size == len(set(text) | {"\n"}) + 1


def test_an_unknown_character_has_the_unknown_token() -> None:
    vocabulary = Vocabulary.of(["abc"])
    assert vocabulary.encode("aé").tolist() == [vocabulary.encode("a")[0], UNKNOWN]


def test_a_prompt_with_an_unknown_character_is_rejected() -> None:
    with pytest.raises(InputError, match=r"sampling\.prompts: 'aé' has the character 'é' at position 1"):
        Vocabulary.of(["abc"]).encode_prompt("aé")
