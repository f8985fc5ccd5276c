"""Baseline and changed tune side by side: the same prompt and sampling seed, one change between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import Song

RULE = (
    "For each change the first seeds that baseline and changed run share, and of each the first tune that "
    "can be played in both; where no such tune exists, the first one. Index and seed are the same on both "
    "sides, so that the same random numbers chose the characters."
)
"""How pairs are chosen, in words."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two tunes that differ by one change."""

    baseline: Song
    changed: Song

    @property
    def has_same_prompt(self) -> bool:
        """False where the prompt itself is the change."""
        return self.baseline.prompt == self.changed.prompt

    @property
    def is_same_tune(self) -> bool:
        """Whether the change left every note of this one as it was."""
        return self.baseline.body == self.changed.body


@dataclass(frozen=True, slots=True)
class Comparison:
    """The pairs of one arm."""

    arm: Arm
    pairs: tuple[SideBySide, ...]
    reason: str
    """Why there are none, in words; else empty."""


def comparisons(
    star: PairedRuns, songs_of: Callable[[FoundRun], Sequence[Song]], wanted: int
) -> list[Comparison]:
    """Up to `wanted` pairs for each arm: one a shared seed, then further tunes of the first seeds."""
    return [_comparison(star.baseline, arm, songs_of, wanted) for arm in star.arms]


def _comparison(
    baseline: Arm, arm: Arm, songs_of: Callable[[FoundRun], Sequence[Song]], wanted: int
) -> Comparison:
    by_seed = {run.record.seed: run for run in baseline.runs}
    candidates = []
    for run in arm.runs:
        if run.record.seed in by_seed:
            pairs = list(zip(songs_of(by_seed[run.record.seed]), songs_of(run), strict=False))
            playable = [pair for pair in pairs if all(song.has_notes for song in pair)]
            candidates.append(playable or pairs[:1])
    # The first tune of every seed, then the second of every seed, and so on.
    most = max((len(pairs) for pairs in candidates), default=0)
    ordered = [
        pairs[place] for place in range(min(most, wanted)) for pairs in candidates if place < len(pairs)
    ]
    reason = "" if ordered else _reason(by_seed, arm)
    return Comparison(arm, tuple(SideBySide(*pair) for pair in ordered[:wanted]), reason)


def _reason(by_seed: dict[int, FoundRun], arm: Arm) -> str:
    shared = [run for run in arm.runs if run.record.seed in by_seed]
    if not shared:
        return "No run of this change has a seed that the baseline has."
    statuses = ", ".join(
        f"seed {run.record.seed}: {run.record.status}" for run in shared if run.record.status != "complete"
    )
    return f"No tunes to compare ({statuses or 'the baseline has none'})."
