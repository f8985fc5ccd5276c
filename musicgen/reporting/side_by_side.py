"""Tunes of baseline and change side by side: same prompt and sampling seed, one change between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import Song

RULE = (
    "For each change these are the first seeds that baseline and changed run share, and for each seed the "
    "first tune that can be played in both, or else the first tune. Index and seed are the same on both "
    "sides, so both tunes were sampled with the same random numbers."
)
"""How pairs are chosen, for the page."""


@dataclass(frozen=True, slots=True)
class TunePair:
    """Two tunes that differ by one change."""

    baseline: Song
    changed: Song

    @property
    def has_same_prompt(self) -> bool:
        """False if the prompt itself is the change."""
        return self.baseline.prompt == self.changed.prompt

    @property
    def is_same_tune(self) -> bool:
        """Whether the change left every note as it was."""
        return self.baseline.body == self.changed.body


@dataclass(frozen=True, slots=True)
class Comparison:
    """The pairs of one arm."""

    arm: Arm
    pairs: tuple[TunePair, ...]
    reason: str
    """Why pairs are missing; "" if there are any."""


def comparisons(
    paired: PairedRuns, songs_of: Callable[[FoundRun], Sequence[Song]], wanted: int
) -> list[Comparison]:
    """Up to `wanted` pairs for each arm: one for each shared seed, then further tunes of the first seeds."""
    return [_comparison(paired.baseline, arm, songs_of, wanted) for arm in paired.arms]


def _comparison(
    baseline: Arm, arm: Arm, songs_of: Callable[[FoundRun], Sequence[Song]], wanted: int
) -> Comparison:
    by_seed = baseline.by_seed
    candidates = []
    for run in arm.runs:
        if run.record.seed in by_seed:
            pairs = list(zip(songs_of(by_seed[run.record.seed]), songs_of(run), strict=False))
            playable = [pair for pair in pairs if all(song.has_notes for song in pair)]
            candidates.append(playable or pairs[:1])
    # The first tune of every seed, then the second of every seed, and so on.
    longest = max((len(pairs) for pairs in candidates), default=0)
    ordered = [
        pairs[place] for place in range(min(longest, wanted)) for pairs in candidates if place < len(pairs)
    ]
    reason = "" if ordered else _reason(by_seed, arm)
    return Comparison(arm, tuple(TunePair(*pair) for pair in ordered[:wanted]), reason)


def _reason(by_seed: dict[int, FoundRun], arm: Arm) -> str:
    common = [run for run in arm.runs if run.record.seed in by_seed]
    if not common:
        return "This change and the baseline have no seed in common."
    statuses = ", ".join(
        f"seed {run.record.seed}: {run.record.status}" for run in common if run.record.status != "complete"
    )
    return f"Nothing to compare ({statuses or 'the baseline has no tunes'})."
