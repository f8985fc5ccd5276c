"""Answers as tables of one row each: ratings.csv of a session of ratings, choices.csv of one of pairs.

Only listeners who have ended are in them: the tables hold the key, which nobody may read who still listens.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.listening.database import Answer
from musicgen.listening.stimuli import BASELINE, CORPUS
from musicgen.study.ratings import COLUMNS, FILE_NAME, Rating
from musicgen.study.runs import write_csv

if TYPE_CHECKING:
    from pandas import DataFrame

CHOICES_FILE = "choices.csv"
CHOICE_COLUMNS = (
    "listener",
    "pair_id",
    "arm",
    "seed",
    "chosen",
    "chosen_side",
    "run_id",
    "index",
    "baseline_run_id",
    "baseline_index",
    "is_repeat",
    "anchor",
    "position",
    "chosen_at",
)


def ratings_of(answers: Sequence[Answer]) -> list[Rating]:
    """The ratings of everyone who has ended."""
    return [
        Rating(
            listener=answer.listener,
            tune_id=answer.item_id,
            run_id=answer.heard[0].run_id,
            arm=answer.heard[0].arm,
            seed=answer.heard[0].seed,
            index=answer.heard[0].index,
            criterion=answer.question,
            rating=answer.value,
            is_repeat=answer.is_repeat,
            anchor=answer.heard[0].anchor,
            position=answer.position,
            rated_at=answer.answered_at,
        )
        for answer in answers
        if answer.has_ended
    ]


def write_ratings(ratings: Sequence[Rating], folder: Path) -> Path:
    """Write ratings.csv."""
    from pandas import DataFrame

    table = DataFrame([asdict(rating) for rating in ratings], columns=list(COLUMNS))
    return _written(table, folder / FILE_NAME)


def choices_table(answers: Sequence[Answer]) -> "DataFrame":
    """A row for each choice of everyone who has ended.

    chosen: the arm that was preferred: the row's own, or the baseline; of an anchor "corpus" or "shuffled".
    """
    from pandas import DataFrame

    return DataFrame(
        [_choice(answer) for answer in answers if answer.has_ended], columns=list(CHOICE_COLUMNS)
    )


def _choice(answer: Answer) -> dict[str, object]:
    # Of an anchor, the corpus tune takes the place of the arm.
    changed, plain = sorted(answer.heard, key=lambda stimulus: stimulus.arm in (BASELINE, "shuffled"))
    return {
        "listener": answer.listener,
        "pair_id": answer.item_id,
        "arm": changed.arm,
        "seed": changed.seed,
        "chosen": answer.heard[answer.value - 1].arm,
        "chosen_side": answer.value,
        "run_id": changed.run_id,
        "index": changed.index,
        "baseline_run_id": plain.run_id,
        "baseline_index": plain.index,
        "is_repeat": answer.is_repeat,
        "anchor": CORPUS if changed.anchor else "",
        "position": answer.position,
        "chosen_at": answer.answered_at,
    }


def write_choices(answers: Sequence[Answer], folder: Path) -> Path:
    """Write choices.csv."""
    return _written(choices_table(answers), folder / CHOICES_FILE)


def _written(table: "DataFrame", path: Path) -> Path:
    for name in ("seed", "index", "baseline_index"):
        if name in table:
            # Whole numbers beside empty cells.
            table[name] = table[name].astype("Int64")
    write_csv(table, path)
    return path
