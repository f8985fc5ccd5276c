"""What can be heard: valid tunes of each arm's runs, drawn at random."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np

from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.errors import InputError
from musicgen.records.runs import FoundRun
from musicgen.records.sampled_tunes import Song, read_songs

BASELINE = "baseline"
CORPUS, SHUFFLED = "corpus", "shuffled"
"""The kinds of anchors: held-out tunes of the corpus, and such tunes with their notes in a random order."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One tune that is played, and everything that a listener must not know before the end."""

    stimulus_id: str
    """Drawn at random; says nothing."""
    arm: str
    """Such as "baseline" or "model.cell=gru"; of an anchor its kind."""
    run_id: str
    seed: int | None
    index: int | None
    """Its place among the tunes that its run sampled; run_id is "" and both None for an anchor."""
    anchor: str
    """CORPUS, SHUFFLED, or "" for a tune of a run."""
    abc: str


Play = Callable[[Stimulus], bool]
"""Renders a stimulus; False where nothing sounds."""


def opaque_id() -> str:
    """128 random bits that nothing can be read from."""
    return secrets.token_hex(16)


def anchor_stimulus(kind: str, abc: str) -> Stimulus:
    """A hidden tune that is of no run."""
    return Stimulus(opaque_id(), kind, "", None, None, kind, abc)


def arm_name(arm: Arm) -> str:
    """As tables name it."""
    return BASELINE if arm.change is None else f"{arm.change.parameter}={arm.change.value}"


class Pool:
    """The tunes of every arm, given out once each in a random order, in turn from each of its seeds."""

    def __init__(self, star: PairedRuns, rng: np.random.Generator, *, any_tune: bool) -> None:
        """any_tune: also tunes whose bars are wrong. Raises InputError where no tune can be heard."""
        self._rng = rng
        self._left: dict[str, dict[int, Iterator[Stimulus]]] = {}
        self.available: dict[str, int] = {}
        """Arm -> how many of its tunes may be drawn."""
        for arm in (star.baseline, *star.arms):
            name = arm_name(arm)
            tunes = {run.record.seed: _eligible(run, any_tune) for run in arm.runs}
            self.available[name] = sum(map(len, tunes.values()))
            self._left[name] = {
                run.record.seed: iter(self._shuffled(name, run, tunes[run.record.seed])) for run in arm.runs
            }
        if not any(self.available.values()):
            kind = "sampled tune" if any_tune else "valid tune; --any-tune takes those with wrong bars too"
            raise InputError(f"no run has a {kind}")

    @property
    def arms(self) -> list[str]:
        """The arms of which there is something to hear, the baseline first."""
        return [name for name, count in self.available.items() if count]

    def seeds(self, arm: str) -> list[int]:
        """The training seeds of the arm, in a new random order."""
        return [int(seed) for seed in self._rng.permutation(list(self._left[arm]))]

    def draw(self, arm: str, count: int, play: Play) -> list[Stimulus]:
        """Up to `count` tunes that sound, seeds in turn."""
        rounds = zip_longest(*(self._left[arm][seed] for seed in self.seeds(arm)))
        heard = (tune for tune in chain.from_iterable(rounds) if tune is not None and play(tune))
        return list(islice(heard, count))

    def draw_of_seed(self, arm: str, seed: int, play: Play) -> Stimulus | None:
        """One tune of the arm's run with this seed; None where none is left."""
        return next((tune for tune in self._left[arm].get(seed, iter(())) if play(tune)), None)

    def _shuffled(self, arm: str, run: FoundRun, tunes: Sequence[Song]) -> list[Stimulus]:
        record = run.record
        return [
            Stimulus(opaque_id(), arm, record.run_id, record.seed, tunes[place].index, "", tunes[place].abc)
            for place in self._rng.permutation(len(tunes))
        ]


def _eligible(run: FoundRun, any_tune: bool) -> list[Song]:
    if run.record.status != "complete":
        return []
    return [tune for tune in read_songs(run) if any_tune or tune.is_valid]


def share_out(count: int, arms: Sequence[str]) -> int:
    """How many of `count` go to each arm; InputError where there are fewer than arms."""
    each = count // len(arms)
    if each < 1:
        raise InputError(
            f"--num-tunes {count}: each of {len(arms)} arms needs one; give more, or name fewer runs"
        )
    return each
