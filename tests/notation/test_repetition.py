import numpy as np
import pytest
from numpy.typing import NDArray

from musicgen.notation.place import PlaceReader
from musicgen.notation.repetition import RepetitionReader

HEADER = "\nX:1\nM:4/4\nL:1/8\nK:D\n"


def codes(text: str) -> NDArray[np.int64]:
    return np.array([ord(character) for character in text], np.int64)[:, None]


def exhausted(text: str, limit: int = 3) -> list[int]:
    """The exhausted periods after each character, as bits."""
    _, events = PlaceReader(1).read(codes(text))
    return RepetitionReader(1, limit).read(codes(text), events)[:, 0].tolist()


def periods(bits: int) -> set[int]:
    return {period for period in range(64) if bits >> period & 1}


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ("a8|b8|c8|", set()),
        ("a8|a8|", set()),
        ("a8|a8|a8|", {1}),
        ("a8|b8|a8|b8|a8|b8|", {2}),
        ("a8|b8|c8|a8|b8|c8|a8|b8|c8|", {3}),
        ("a8|a8|a8|b8|", set()),
        ("a8|\na8:|\n|:a8|", {1}),
        ("a8|a8|a4a4|", set()),
        ("g2|a8|a8|a8|", {1}),
    ],
)
def test_a_period_is_exhausted_after_three_statements(bars: str, expected: set[int]) -> None:
    assert periods(exhausted(HEADER + bars)[-1]) == expected


def test_the_limit_is_the_number_of_statements() -> None:
    assert periods(exhausted(HEADER + "a8|a8|", limit=2)[-1]) == {1}
    assert periods(exhausted(HEADER + "a8|a8|a8|", limit=4)[-1]) == set()


def test_a_new_tune_starts_afresh() -> None:
    tune = HEADER[1:] + "a8|a8|a8|\n\n"
    assert exhausted("\n" + tune + tune)[1 + len(tune) :] == exhausted("\n" + tune)[1:]
    assert exhausted("\n" + tune)[-1] == 0


def test_reading_in_parallel_and_in_pieces_changes_nothing() -> None:
    texts = [HEADER + "a8|a8|a8|b8|", HEADER + "a8|b8|a8|b8|"]
    columns = np.concatenate([codes(text) for text in texts], axis=1)
    _, events = PlaceReader(2).read(columns)
    reader = RepetitionReader(2, 2)
    first = reader.read(columns[:30], events[:30])
    reader.keep(np.array([1]))
    second = reader.read(columns[30:, 1:], events[30:, 1:])
    assert [*first[:, 1], *second[:, 0]] == exhausted(texts[1], limit=2)
