"""Answers as tables: ratings.csv for a session of ratings, choices.csv for one of pairs.

They contain the key, so only listeners who have ended are in them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from musicgen.listening.database import Answer
from musicgen.listening.stimuli import BASELINE, SHUFFLED
from musicgen.records.ratings import Rating
from musicgen.records.runs import write_csv

CHOICES_FILE = "choices.csv"


@dataclass(frozen=True, slots=True)
class Choice:
    """One person's choice between a tune of an arm and one of the baseline: a row of choices.csv."""

    listener: str
    pair_id: str
    arm: str
    """CORPUS for an anchor, which is compared with shuffled notes."""
    is_chosen: bool
    """Whether the arm's tune was preferred."""
    side: int
    """The number of the arm's tune: 1 or 2."""
    seed: int | None
    run_id: str
    index: int | None
    baseline_run_id: str
    baseline_index: int | None
    is_repeat: bool
    anchor: str
    """CORPUS, or "" for tunes of runs."""
    position: int
    chosen_at: str


def ratings_of(answers: Sequence[Answer]) -> list[Rating]:
    """The ratings by listeners who have finished, as stored in ratings.csv."""
    return [
        Rating(
            listener=answer.listener,
            tune_id=answer.item_id,
            run_id=answer.heard[0].run_id,
            arm=answer.heard[0].arm,
            seed=answer.heard[0].seed,
            # A set consists of several tunes of one run.
            index=answer.heard[0].index if len(answer.heard) == 1 else None,
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


def choices_of(answers: Sequence[Answer]) -> list[Choice]:
    """The choices between two tunes by listeners who have finished."""
    return [_choice(answer) for answer in answers if answer.has_ended]


def _choice(answer: Answer) -> Choice:
    changed, plain = sorted(answer.heard, key=lambda stimulus: stimulus.arm in (BASELINE, SHUFFLED))
    side = answer.heard.index(changed) + 1
    return Choice(
        listener=answer.listener,
        pair_id=answer.item_id,
        arm=changed.arm,
        is_chosen=answer.value == side,
        side=side,
        seed=changed.seed,
        run_id=changed.run_id,
        index=changed.index,
        baseline_run_id=plain.run_id,
        baseline_index=plain.index,
        is_repeat=answer.is_repeat,
        anchor=changed.anchor,
        position=answer.position,
        chosen_at=answer.answered_at,
    )


def write_answers(rows: Sequence[Rating] | Sequence[Choice], columns: Sequence[str], path: Path) -> Path:
    """Write the rows as CSV; returns the path."""
    from pandas import DataFrame

    table = DataFrame([asdict(row) for row in rows], columns=list(columns))
    for name in ("seed", "index", "baseline_index"):
        if name in table:
            # Nullable integers, for columns with empty cells.
            table[name] = table[name].astype("Int64")
    write_csv(table, path)
    return path
