"""What the network reads at every character: N rows of its embedding, whose sum is the input.

The first row is the character's own. The others follow from the characters read so far, so the likelihood of
a text is still the product of those of its characters, and comparable between all networks:

- `bar_position`: how much of the bar is filled, how much is left, and which bar of its section it is;
- `notes: degrees`: the mode of the key;
- `form_plan`: how many bars of the planned section are left, on which note it will end, how many sections are
  left, and in its last bar how much is left if it must make room for the pickup;
- `lookback_bars`: for each distance the character at the same place that many bars before, together with how
  long the text has repeated that bar. `lookback_statements` withholds it after that many statements of a
  period, and a plan withholds it in the last bar of a section.

Shapes: T time steps, B rows of a batch, V tokens of the vocabulary, N rows that are summed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musicgen.corpus.vocabulary import Vocabulary
from musicgen.model.config import ModelConfig
from musicgen.notation.lookback import NOTHING, LookbackReader
from musicgen.notation.place import PlaceReader
from musicgen.notation.place_state import NUM_MODES
from musicgen.notation.plan import MAX_SECTIONS, NUM_ENDINGS, PlanReader
from musicgen.notation.plan import NUM_COLUMNS as NUM_PLAN_COLUMNS
from musicgen.notation.repetition import MAX_PERIOD, RepetitionReader
from musicgen.system.compiled_code import compiled

_compiled = compiled()
_STEPS_PER_UNIT = 12
"""Resolution of places in the bar, fine enough for halves, triplets and quarters of a unit note."""
_LONGEST_BAR = 16 * _STEPS_PER_UNIT
"""Bars of up to 16 units, plus one unit too many, have separate rows; anything beyond shares the last one."""
_ELAPSED_ROWS = 2 + _LONGEST_BAR
_LEFT_ROWS = 3 + _LONGEST_BAR + _STEPS_PER_UNIT
_MAX_BARS = 32
"""Higher numbers share a row."""
_PLACE_ROWS = {
    "elapsed": _ELAPSED_ROWS,
    "left": _LEFT_ROWS,
    "bar": _MAX_BARS + 2,
    "mode": NUM_MODES,
    "bars_left": _MAX_BARS + 2,
    "ending": 2 * NUM_ENDINGS,
    "sections_left": MAX_SECTIONS + 1,
    "left_for_pickup": _LEFT_ROWS,
}
"""Number of rows for each thing that is read of the place. The first row of each is for headers."""
_ELAPSED, _LEFT, _BAR, _MODE, _BARS_LEFT, _ENDING, _SECTIONS_LEFT, _LEFT_FOR_PICKUP = range(8)
_LAST_BAR = 2
"""What a plan counts as the bars left in the last bar: it adds 1."""
_RUN_LEVELS = (1, 4, 12)
"""Numbers of repeated characters from which a lookback has another row."""
_LEVELS = len(_RUN_LEVELS) + 1
_CHARACTERS_AT_ONCE = 16_384
"""Few enough for intermediate results to stay in the processor's cache."""


class RowBlock(NamedTuple):
    """Adjacent rows of the embedding."""

    num_rows: int
    """Of each token if is_per_token, else of the block."""
    is_per_token: bool
    """Whether every token has rows of its own: those of token 0 first."""


def row_blocks(config: ModelConfig) -> list[RowBlock]:
    """The blocks of the embedding, in their order."""
    of_place = [RowBlock(number, is_per_token=False) for number in _place_rows(config).values()]
    return [RowBlock(1, True), *of_place, *[RowBlock(_LEVELS, True)] * len(config.lookback_bars)]


def _place_rows(config: ModelConfig) -> dict[str, int]:
    """What a network of this config reads of the place, with the number of rows of each."""
    bar, plan = config.bar_position, config.form_plan
    is_read = {"elapsed": bar, "left": bar, "bar": bar, "mode": config.notes == "degrees"}
    return {name: number for name, number in _PLACE_ROWS.items() if is_read.get(name, plan)}


def num_rows(config: ModelConfig, vocabulary_size: int) -> int:
    """Number of rows of the embedding."""
    return sum(
        block.num_rows * (vocabulary_size if block.is_per_token else 1) for block in row_blocks(config)
    )


class InputReader:
    """Reads many texts in parallel, and returns the rows of the embedding for each of their characters."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, num_texts: int) -> None:
        """Start num_texts texts, as after an empty line."""
        self._vocabulary_size = vocabulary.size
        self._codes = np.array([0, *map(ord, vocabulary.characters)], np.int64)
        """Code point of each token; 0 for the unknown one."""
        place_rows = _place_rows(config)
        self._first_rows = np.full(len(_PLACE_ROWS), -1, np.int64)
        """First row of each thing that is read of the place, in the order of _PLACE_ROWS; -1: not read."""
        first = vocabulary.size
        for number, name in enumerate(_PLACE_ROWS):
            if name in place_rows:
                self._first_rows[number] = first
                first += place_rows[name]
        self._lookback_column, self._first_lookback_row = 1 + len(place_rows), first
        self._place = PlaceReader(num_texts) if config.reads_more_than_characters else None
        lookback = config.lookback_bars
        self._lookback = LookbackReader(num_texts, lookback) if lookback else None
        self._plan = PlanReader(num_texts) if config.form_plan else None
        self._bars = np.array(lookback, np.int64)
        limit = config.lookback_statements
        self._repetition = RepetitionReader(num_texts, limit) if lookback and limit is not None else None
        self.num_columns = self._lookback_column + len(lookback)
        """N."""

    def read(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read tokens [T, B]; return the rows of the embedding [T, B, N]."""
        rows = np.empty((*tokens.shape, self.num_columns), np.int64)
        self.read_into(rows, tokens)
        return rows

    def read_into(self, rows: NDArray[np.signedinteger], tokens: NDArray[np.integer]) -> None:
        """Read tokens [T, B] and write what `read` returns into `rows` [T, B, N], integers of any size."""
        steps = max(1, _CHARACTERS_AT_ONCE // max(1, tokens.shape[1]))
        for start in range(0, len(tokens), steps):
            self._read_piece(rows[start : start + steps], tokens[start : start + steps].astype(np.int64))

    def _read_piece(self, rows: NDArray[np.signedinteger], tokens: NDArray[np.int64]) -> None:
        rows[..., 0] = tokens
        if self._place is None:
            return
        codes = self._codes[tokens]
        places, events = self._place.read(codes)
        if self._plan is not None:
            plans = self._plan.read(codes, places, events)
        else:
            plans = np.zeros((*codes.shape, NUM_PLAN_COLUMNS), np.int64)
        _put_place(rows, self._first_rows, places, plans)
        if self._lookback is not None:
            expected, runs = self._lookback.read(tokens, places[..., 1], events)
            if self._plan is not None:
                _withhold_last(expected, runs, places, plans, self._bars)
            if self._repetition is not None:
                _withhold_exhausted(expected, runs, self._repetition.read(codes, events), self._bars)
            column, first = self._lookback_column, self._first_lookback_row
            _put_lookback(rows, column, first, self._vocabulary_size, expected, runs)

    def keep(self, texts: NDArray[np.int64]) -> None:
        """Continue with these texts only; texts: their numbers."""
        for reader in (self._place, self._lookback, self._repetition, self._plan):
            if reader is not None:
                reader.keep(texts)


def row_type(config: ModelConfig, vocabulary: Vocabulary) -> type[np.signedinteger]:
    """The smallest type that holds the numbers of all rows, and therefore of all tokens."""
    return np.int16 if num_rows(config, vocabulary.size) <= 2**15 else np.int32


def text_rows(
    config: ModelConfig, vocabulary: Vocabulary, tokens: NDArray[np.integer]
) -> NDArray[np.signedinteger]:
    """The rows [T, N] for one long text [T], in the smallest type."""
    reader = InputReader(config, vocabulary, 1)
    rows = np.empty((len(tokens), 1, reader.num_columns), row_type(config, vocabulary))
    reader.read_into(rows, tokens[:, None])
    return rows[:, 0]


class TextRows:
    """The rows for one long text of whole tunes, read anew for every passage: it keeps only the tokens.

    The rows follow from the characters since the last empty line, so a passage is read from the beginning of
    its tune. Keeping the rows would take 28 bytes per character for the default network.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        tokens: NDArray[np.integer],
        tune_starts: NDArray[np.int64],
    ) -> None:
        """tokens: [T]; tune_starts: index of the newline before each tune, the first of which is 0."""
        self._config, self._vocabulary = config, vocabulary
        self._tokens, self._tune_starts = tokens, tune_starts

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows at these places [S, B]; returns [S, B, N]. Each column has successive places."""
        return np.stack([self._passage(int(start), len(places)) for start in places[0]], axis=1)

    def _passage(self, start: int, length: int) -> NDArray[np.int64]:
        begin = int(self._tune_starts[np.searchsorted(self._tune_starts, start, side="right") - 1])
        # The text is a circle: its beginning follows its end.
        tokens = self._tokens.take(np.arange(begin, start + length), mode="wrap").astype(np.int64)
        return InputReader(self._config, self._vocabulary, 1).read(tokens[:, None])[start - begin :, 0]


@_compiled
def _put_place(rows, first_rows, places, plans):
    """Write a row for each thing that is read of the places [T, B, 9] and plans [T, B, 4].

    first_rows: as in InputReader.
    """
    found = np.zeros(len(first_rows), np.int64)
    for t in range(places.shape[0]):
        for b in range(places.shape[1]):
            _find_place(found, places[t, b], plans[t, b])
            column = 1
            for i in range(len(first_rows)):
                if first_rows[i] >= 0:
                    rows[t, b, column] = first_rows[i] + found[i]
                    column += 1


@_compiled
def _find_place(found, place, plan):
    """The row of a place for each thing in _PLACE_ROWS, from 0."""
    in_body, elapsed, bar, unit, number, pickup, _, _, mode = place
    found[:] = 0
    if not in_body:
        return
    unit = max(unit, 1)
    found[_ELAPSED] = 1 + min(elapsed * _STEPS_PER_UNIT // unit, _LONGEST_BAR)
    found[_BAR] = 1 + min(number, _MAX_BARS)
    if bar > 0:
        found[_LEFT] = _left_row(bar - elapsed, unit)
    found[_MODE] = mode
    bars_left, ending, sections_left = plan[0], plan[1], plan[2]
    is_last_bar = bars_left == _LAST_BAR
    found[_BARS_LEFT] = min(bars_left, _MAX_BARS + 1)
    found[_ENDING] = ending + NUM_ENDINGS * is_last_bar
    found[_SECTIONS_LEFT] = sections_left
    if is_last_bar and pickup and bar > 0:
        found[_LEFT_FOR_PICKUP] = _left_row(bar - pickup - elapsed, unit)


@_compiled
def _left_row(left, unit):
    steps = left * _STEPS_PER_UNIT // unit
    return 2 + _STEPS_PER_UNIT + min(max(steps, -_STEPS_PER_UNIT - 1), _LONGEST_BAR)


@_compiled
def _withhold_last(expected, runs, places, plans, bars):
    """Clear the lookbacks [T, B, L] in the last bar of a planned section, where copying would beat the plan.

    The last bar of the section before stays if that one was planned to end alike.
    """
    for t in range(expected.shape[0]):
        for b in range(expected.shape[1]):
            if plans[t, b, 0] != _LAST_BAR:
                continue
            for i in range(expected.shape[2]):
                if not plans[t, b, 3] or bars[i] != places[t, b, 4] + 1:
                    expected[t, b, i] = NOTHING
                    runs[t, b, i] = 0


@_compiled
def _withhold_exhausted(expected, runs, exhausted, bars):
    """Clear the lookbacks [T, B, L] that would continue an exhausted period, a divisor of their distance."""
    for t in range(expected.shape[0]):
        for b in range(expected.shape[1]):
            bits = exhausted[t, b]
            if bits == 0:
                continue
            for i in range(expected.shape[2]):
                for period in range(1, min(bars[i], MAX_PERIOD) + 1):
                    if bits >> period & 1 and bars[i] % period == 0:
                        expected[t, b, i] = NOTHING
                        runs[t, b, i] = 0


@_compiled
def _put_lookback(rows, column, first, vocabulary_size, expected, runs):
    """Write a row per distance, from the expected token and the length of the repetition, each [T, B, L]."""
    for t in range(expected.shape[0]):
        for b in range(expected.shape[1]):
            for i in range(expected.shape[2]):
                level = 0
                for least in _RUN_LEVELS:
                    if runs[t, b, i] >= least:
                        level += 1
                token = i * vocabulary_size + expected[t, b, i]
                rows[t, b, column + i] = first + _LEVELS * token + level
