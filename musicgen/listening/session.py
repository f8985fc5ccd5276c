"""A listening session: the items, drawn once, and the order in which each listener judges them.

All listeners judge the same items, so that raters and tunes are crossed. Each listener has a random order,
with some early items repeated among the later ones.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musicgen.corpus.config import DataConfig
from musicgen.effects.pairing import PairedRuns
from musicgen.errors import InputError
from musicgen.listening.anchors import draw_anchors
from musicgen.listening.stimuli import BASELINE, CORPUS, Play, Pool, Sample, Stimulus, opaque_id, share_out
from musicgen.records.criteria import POINTS, SET_VARIETY
from musicgen.system.words import counted

RATINGS, PAIRS = "ratings", "pairs"
PREFERENCE = "preference"
"""The question about a pair; the answer is the number of the chosen tune, 1 or 2."""
NUM_REPEATS = 4
SET_SIZE = 4
MAX_REASONS = 3
"""Reasons for leaving out runs that are named."""
_NO_PAIRS = "--ab needs tunes of the baseline and of a changed arm with the same seed"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a session consists of.

    The defaults are those of earlier sessions, which did not store these fields.
    """

    mode: str
    """RATINGS or PAIRS."""
    num_tunes: int
    """Tunes (or pairs) of runs for one listener, not counting anchors and repeats."""
    num_anchors: int
    """Number of anchors of each kind."""
    criteria: tuple[str, ...]
    any_tune: bool
    """Whether invalid tunes may be drawn."""
    seed: int
    num_sets: int = 0
    """Sets of four tunes of one run per arm."""
    max_seconds: int = 30
    """Longer tunes fade out here."""
    has_repeats: bool = True
    """Whether repeats are played."""

    def questions(self, item: "Item") -> tuple[str, ...]:
        """What is asked about an item, by name."""
        if self.mode == PAIRS:
            return (PREFERENCE,)
        return self.criteria if len(item.stimuli) == 1 else (SET_VARIETY.name,)

    def is_answer(self, value: object) -> bool:
        """Whether the value is one that a listener can choose."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return value in ((1, 2) if self.mode == PAIRS else POINTS)


@dataclass(frozen=True, slots=True)
class Item:
    """What is judged together: one tune, a pair to choose from, or a set of four."""

    item_id: str
    stimuli: tuple[Stimulus, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """An item in one listener's order."""

    trial_id: str
    item: Item
    heard: tuple[Stimulus, ...]
    """The item's stimuli in the order of hearing."""
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class DrawnSession:
    """The items of a new session, with remarks on how they were drawn."""

    items: tuple[Item, ...]
    remarks: tuple[str, ...]
    samples: tuple[Sample, ...]


def draw_session(
    paired: PairedRuns,
    settings: Settings,
    play: Play,
    corpus: DataConfig | None = None,
    cache: Path | None = None,
) -> DrawnSession:
    """Draw and render all items. Raises InputError if no tune can be played.

    corpus: the source of the anchors; None for no anchors. cache: a folder for the corpus as read.
    """
    rng = np.random.default_rng([settings.seed, 0])
    pool = Pool(paired, rng, any_tune=settings.any_tune)
    draw = _draw_pairs if settings.mode == PAIRS else _draw_tunes
    items, remarks = draw(pool, settings, play)
    record = paired.baseline.runs[0].record
    anchors, remark = draw_anchors(record, settings.num_anchors, rng, play, corpus, cache)
    if settings.mode == PAIRS:
        real = [anchor for anchor in anchors if anchor.anchor == CORPUS]
        shuffled = [anchor for anchor in anchors if anchor.anchor != CORPUS]
        items += [_item(*pair) for pair in zip(real, shuffled, strict=False)]
    else:
        items += [_item(anchor) for anchor in anchors]
    remarks = [*_general_remarks(paired, settings), *remarks, remark]
    return DrawnSession(tuple(items), tuple(text for text in remarks if text), tuple(pool.samples))


def _general_remarks(paired: PairedRuns, settings: Settings) -> list[str]:
    reasons = Counter(paired.reasons.values()).most_common()
    remarks = [f"left out: {counted(number, 'run')}: {reason}" for reason, number in reasons[:MAX_REASONS]]
    if more := sum(number for _, number in reasons[MAX_REASONS:]):
        remarks.append(f"left out: {counted(more, 'run')} for other reasons")
    if not settings.any_tune:
        remarks.append("only valid tunes were drawn")
    return remarks


def _item(*stimuli: Stimulus) -> Item:
    return Item(opaque_id(), stimuli)


def _draw_tunes(pool: Pool, settings: Settings, play: Play) -> tuple[list[Item], list[str]]:
    each = share_out(settings.num_tunes, pool.arms)
    items, remarks = [], _arms_without_tunes(pool)
    for arm in pool.arms:
        tunes = pool.draw(arm, each, play)
        items += [_item(tune) for tune in tunes]
        if len(tunes) < each:
            remarks.append(f"{arm}: only {len(tunes)} of {each} tunes, because it has no more")
    sets, more = _draw_sets(pool, settings, play)
    return items + sets, remarks + more


def _draw_sets(pool: Pool, settings: Settings, play: Play) -> tuple[list[Item], list[str]]:
    """Sets of four tunes of one run, from runs of different seeds as far as possible."""
    items, remarks = [], []
    for arm in pool.arms if settings.num_sets else ():
        found, seeds = 0, pool.seeds(arm)
        while found < settings.num_sets and seeds:
            seed = seeds.pop(0)
            tunes = [pool.draw_of_seed(arm, seed, play) for _ in range(SET_SIZE)]
            heard = [tune for tune in tunes if tune is not None]
            if len(heard) == SET_SIZE:
                items.append(_item(*heard))
                found += 1
                seeds.append(seed)
        if found < settings.num_sets:
            remarks.append(
                f"{arm}: only {found} of {settings.num_sets} sets of four, because it has no more tunes"
            )
    return items, remarks


def _draw_pairs(pool: Pool, settings: Settings, play: Play) -> tuple[list[Item], list[str]]:
    """Pairs of a baseline's and an arm's tune with the same training seed."""
    arms = [arm for arm in pool.arms if arm != BASELINE]
    if not arms or BASELINE not in pool.arms:
        raise InputError(_NO_PAIRS)
    each = share_out(settings.num_tunes, arms)
    items, remarks = [], _arms_without_tunes(pool)
    for arm in arms:
        found, seeds = 0, pool.seeds(arm)
        while found < each and seeds:
            seed = seeds.pop(0)
            changed = pool.draw_of_seed(arm, seed, play)
            plain = pool.draw_of_seed(BASELINE, seed, play) if changed else None
            if changed and plain:
                items.append(_item(plain, changed))
                found += 1
                seeds.append(seed)
        if found < each:
            remarks.append(f"{arm}: only {found} of {each} pairs, because no more tunes share a seed")
    if not items:
        raise InputError(_NO_PAIRS)
    return items, remarks


def _arms_without_tunes(pool: Pool) -> list[str]:
    return [
        f"{arm}: not included, because it has no {pool.kind}"
        for arm, count in pool.available.items()
        if not count
    ]


def num_trials(items: Sequence[Item]) -> int:
    """Number of items that a listener judges, including repeats."""
    num_repeatable = sum(len(item.stimuli) < SET_SIZE for item in items)
    return len(items) + min(NUM_REPEATS, num_repeatable // 2)


def order_trials(items: Sequence[Item], seed: int, number: int) -> list[Trial]:
    """The trials of the listener with this number: all items in a random order, some of them twice.

    Repeats take items from the first half of the order into the second. The sides of a pair are random, and
    swapped in its repeat. Sets of four come last and are not repeated.
    """
    rng = np.random.default_rng([seed, 1, number])
    shuffled = [
        Trial(opaque_id(), items[place], _in_random_order(items[place], rng), False)
        for place in rng.permutation(len(items))
    ]
    sets = [trial for trial in shuffled if len(trial.heard) == SET_SIZE]
    first_round = [trial for trial in shuffled if trial not in sets]
    half = len(first_round) // 2
    early, late = first_round[:half], first_round[half:]
    for place in rng.permutation(half)[: num_trials(items) - len(items)]:
        trial = early[place]
        repeat = Trial(opaque_id(), trial.item, trial.heard[::-1], True)
        late.insert(int(rng.integers(1, len(late) + 1)), repeat)
    return [*early, *late, *sets]


def _in_random_order(item: Item, rng: np.random.Generator) -> tuple[Stimulus, ...]:
    return tuple(item.stimuli[place] for place in rng.permutation(len(item.stimuli)))
