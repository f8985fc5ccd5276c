import numpy as np
import pytest

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.model.inputs import InputReader, TextRows, num_rows, text_rows

TUNE = (
    "\nX:1\nM:6/8\nL:1/8\nK:D\nA|d3 def|(3ABc d/e/f//f//f/ g3|d3 dzz:|\nA|d3 def|A3 BC2|1 d3 d2:|2 d6|]\n\n"
)
VOCABULARY = Vocabulary.of([TUNE])


def config(
    bar_position: bool, lookback_bars: list[int], form_plan: bool = False, statements: int | None = None
) -> ModelConfig:
    return ModelConfig(
        cell="gru",
        hidden_size=8,
        num_layers=1,
        embedding_size=4,
        dropout=0.0,
        bar_position=bar_position,
        form_plan=form_plan,
        lookback_bars=lookback_bars,
        lookback_statements=statements,
    )


@pytest.mark.parametrize(
    ("bar_position", "form_plan", "lookback_bars", "number"),
    [
        (False, False, [], 1),
        (True, False, [], 4),
        (False, True, [], 5),
        (True, True, [], 8),
        (False, False, [1, 4], 3),
        (True, False, [1, 2, 4, 8], 8),
        (True, True, [1, 2, 4, 8], 12),
    ],
)
def test_every_kind_of_row_has_its_own_table(
    bar_position: bool, form_plan: bool, lookback_bars: list[int], number: int
) -> None:
    shape = config(bar_position, lookback_bars, form_plan)
    rows = text_rows(shape, VOCABULARY, VOCABULARY.encode(TUNE * 3))
    assert rows.shape == (3 * len(TUNE), number)
    assert (rows[:, 0] == VOCABULARY.encode(TUNE * 3)).all()
    lowest, highest = rows.min(axis=0), rows.max(axis=0)
    assert (lowest[1:] > highest[:-1]).all()
    assert lowest[0] >= 0 and highest[-1] < num_rows(shape, VOCABULARY.size)


def test_a_tune_has_the_same_rows_anywhere_in_a_text() -> None:
    shape = config(True, [1, 2], True, 2)
    # Long enough for several pieces.
    rows = text_rows(shape, VOCABULARY, VOCABULARY.encode(TUNE[1:] * 200))
    tunes = rows.reshape(200, len(TUNE) - 1, -1)
    assert (tunes == tunes[0]).all()


def test_rows_read_for_a_passage_are_those_of_the_text() -> None:
    shape = config(True, [1, 2], True, 2)
    parts = [TUNE[1:], TUNE[1:].replace("D\n", "D\nr:8D\n"), "X:3\nK:C\nC|\n\n"] * 5
    tokens = VOCABULARY.encode("\n" + "".join(parts))
    stored = text_rows(shape, VOCABULARY, tokens)
    starts = np.cumsum([0, *map(len, parts[:-1])])
    read = TextRows(shape, VOCABULARY, tokens.astype(np.uint8), starts)
    assert len(read) == len(stored)
    # Every place begins a passage, and the last ones run into the first tune again.
    places = (np.arange(len(stored)) + np.arange(150)[:, None]) % len(stored)
    assert (read[places] == stored[places]).all()


def test_a_full_bar_has_rows_like_no_other_place() -> None:
    body = "A6|ABcdef|A3|"
    text = "\nM:6/8\nL:1/8\nK:D\n" + body
    vocabulary = Vocabulary.of([text])
    rows = text_rows(config(True, []), vocabulary, vocabulary.encode(text))[-len(body) :, 1:3].tolist()
    full = rows[1]
    assert [place for place, row in enumerate(rows) if row == full] == [1, 8]


def test_a_period_stated_too_often_is_not_offered_again() -> None:
    text = "\nM:4/4\nL:1/8\nK:D\n" + "abcdabcd|" * 4
    vocabulary = Vocabulary.of([text])
    tokens = vocabulary.encode(text)
    with_limit = text_rows(config(False, [1, 2], statements=3), vocabulary, tokens)
    without = text_rows(config(False, [1, 2]), vocabulary, tokens)
    end_of_third = len(text) - 10
    assert (with_limit[:end_of_third] == without[:end_of_third]).all()
    assert (with_limit[end_of_third:, 1:] != without[end_of_third:, 1:]).all()


def test_the_last_planned_bar_has_rows_of_its_own() -> None:
    text = "\nM:4/4\nL:1/8\nK:D\nr:3c1G\nG|c8|c8|c7:|"
    vocabulary = Vocabulary.of([text])
    plan_only = config(False, [], True)
    rows = text_rows(plan_only, vocabulary, vocabulary.encode(text))[:, 1:].tolist()
    first, second, last = (
        rows[place] for place in (text.index("|c8"), text.index("|c8|c7"), text.index("|c7"))
    )
    assert first[1] == second[1] != last[1]
    # Only the last bar must leave room for the pickup.
    assert first[3] == second[3] != last[3]


def test_hostile_text_stays_within_the_tables() -> None:
    text = (
        "\nM:99/1\nL:1/99\nK:\n"
        + "A999/9(9"
        + "|:" * 90
        + "A/////////" * 9
        + "\nM:1/99\nZ|[9]9|(0A(9:9:9B>>>>>>>>C"
    )
    vocabulary = Vocabulary.of([text])
    shape = config(True, [1, 64], True, 2)
    rows = InputReader(shape, vocabulary, 1).read(np.array(vocabulary.encode(text))[:, None])
    assert rows.min() >= 0 and rows.max() < num_rows(shape, vocabulary.size)
