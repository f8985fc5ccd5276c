"""The results of a session: its tables, written into its folder, and how far to trust them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.listening.answer_tables import CHOICES_FILE, Choice, choices_of, ratings_of, write_answers
from musicgen.listening.database import Database
from musicgen.listening.metric_agreement import agreement_table
from musicgen.listening.preferences import preferences_table
from musicgen.listening.rating_means import Reliability, agreement_between, listening_table, reliability_of
from musicgen.listening.session import PAIRS
from musicgen.listening.stimuli import Sample
from musicgen.records.ratings import COLUMNS, FILE_NAME, MEANS_FILE, SAMPLE_COLUMNS
from musicgen.records.runs import FoundRun, write_csv

if TYPE_CHECKING:
    from pandas import DataFrame

AGREEMENT_FILE, PREFERENCES_FILE = "agreement.csv", "preferences.csv"


@dataclass(frozen=True, slots=True)
class Results:
    """The results of all listeners who have ended."""

    listeners: tuple[str, ...]
    num_under_way: int
    """Listeners who have not ended yet; their ratings are saved and count from then on."""
    tables: "dict[str, DataFrame]"
    """File name -> table: means and agreement with the metrics, or preferences."""
    reliability: tuple[Reliability, ...]
    """One for each listener; empty for pairs."""
    between_listeners: dict[str, float]
    """Criterion -> Krippendorff's alpha."""
    repeats: tuple[int, int]
    """Number of repeated choices, and of those made alike; (0, 0) for ratings."""
    written: tuple[Path, ...]

    @property
    def means(self) -> dict[str, float]:
        """Such as "listening/model.cell=gru/musicality" -> its mean rating."""
        table = self.tables.get(MEANS_FILE)
        rows = [] if table is None else table.to_dict("records")
        return {f"listening/{row['arm']}/{row['criterion']}": float(row["mean"]) for row in rows}


def write_results(database: Database, runs: Sequence[FoundRun], folder: Path) -> Results:
    """Compute and write every table; writes none before the first listener has ended."""
    listeners = database.listeners()
    ended = tuple(listener.name for listener in listeners if listener.has_ended)
    answers = [answer for answer in database.answers() if answer.has_ended]
    if not answers:
        return Results(ended, len(listeners) - len(ended), {}, (), {}, (0, 0), ())
    if database.settings.mode == PAIRS:
        choices = choices_of(answers)
        tables = {PREFERENCES_FILE: preferences_table(choices)}
        columns = [field.name for field in fields(Choice)]
        written = [write_answers(choices, columns, folder / CHOICES_FILE)]
        reliability, between, repeats = (), {}, _repeated_choices(choices)
    else:
        ratings = ratings_of(answers)
        arms = dict.fromkeys(stimulus.arm for stimulus in database.stimuli.values() if not stimulus.anchor)
        tables = {
            MEANS_FILE: _with_samples(listening_table(ratings, list(arms)), database.samples),
            AGREEMENT_FILE: agreement_table(ratings, runs),
        }
        written = [write_answers(ratings, COLUMNS, folder / FILE_NAME)]
        reliability = tuple(reliability_of(ratings, name) for name in ended)
        between, repeats = agreement_between(ratings), (0, 0)
    for name, table in tables.items():
        write_csv(table, folder / name)
        written.append(folder / name)
    return Results(ended, len(listeners) - len(ended), tables, reliability, between, repeats, tuple(written))


def _with_samples(table: "DataFrame", samples: Mapping[str, Sample]) -> "DataFrame":
    """The table with the columns SAMPLE_COLUMNS, which are empty for anchors and for earlier sessions."""
    from pandas import DataFrame

    shares = {
        arm: (one.num_tunes, one.num_invalid / one.num_tunes, one.num_without_notes / one.num_tunes)
        for arm, one in samples.items()
        if one.num_tunes
    }
    rows = [shares.get(arm, (None, None, None)) for arm in table["arm"]]
    # Objects, because empty cells would turn counts into floats.
    return table.join(DataFrame(rows, table.index, list(SAMPLE_COLUMNS), object))


def _repeated_choices(choices: Sequence[Choice]) -> tuple[int, int]:
    """Number of pairs judged twice, and of those judged alike."""
    first = {(one.listener, one.pair_id): one.is_chosen for one in choices if not one.is_repeat}
    alike = [
        one.is_chosen == first[one.listener, one.pair_id]
        for one in choices
        if one.is_repeat and (one.listener, one.pair_id) in first
    ]
    return len(alike), sum(alike)
