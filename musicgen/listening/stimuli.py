"""The tunes that can be heard: those of each arm's runs that have notes, drawn at random."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np

from musicgen.effects.pairing import Arm, PairedRuns
from musicgen.errors import InputError
from musicgen.records.runs import FoundRun, level_cell
from musicgen.records.sampled_tunes import Song, read_songs

BASELINE = "baseline"
CORPUS, SHUFFLED = "corpus", "shuffled"
"""The kinds of anchors: held-out corpus tunes, and such tunes with their notes shuffled."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One tune, with everything that a listener must not know before the end."""

    stimulus_id: str
    """Random, so that it reveals nothing."""
    arm: str
    """Such as "baseline" or "model.cell=gru"; the kind of an anchor."""
    run_id: str
    seed: int | None
    index: int | None
    """The tune's number in its run. An anchor has run_id "", and no seed and index."""
    anchor: str
    """CORPUS, SHUFFLED, or "" for a tune of a run."""
    abc: str


@dataclass(frozen=True, slots=True)
class Sample:
    """The tunes that an arm's runs kept, from which its stimuli are drawn."""

    arm: str
    num_tunes: int
    num_invalid: int
    """Tunes with a bar of the wrong length or an error, including those without notes."""
    num_without_notes: int
    """Tunes that nobody can hear."""


Play = Callable[[Stimulus], bool]
"""Renders a stimulus; returns False if it makes no sound."""


def opaque_id() -> str:
    """128 random bits in hexadecimal."""
    return secrets.token_hex(16)


def anchor_stimulus(kind: str, abc: str) -> Stimulus:
    """A hidden tune that no run sampled."""
    return Stimulus(opaque_id(), kind, "", None, None, kind, abc)


def arm_name(arm: Arm) -> str:
    """The arm's name in tables, such as "model.cell=gru"."""
    return BASELINE if arm.change is None else f"{arm.change.parameter}={level_cell(arm.change.value)}"


class Pool:
    """The tunes of every arm, each drawn at most once, in random order and from its seeds in turn."""

    def __init__(self, paired: PairedRuns, rng: np.random.Generator, *, any_tune: bool) -> None:
        """any_tune: include invalid tunes. Raises InputError without any tune."""
        self._rng = rng
        self.kind = "tune with notes" if any_tune else "valid tune"
        """What is drawn."""
        self.samples: list[Sample] = []
        """One for each arm, the baseline first."""
        self._left: dict[str, dict[int, Iterator[Stimulus]]] = {}
        self.available: dict[str, int] = {}
        """Arm -> number of its tunes that may be drawn."""
        for arm in (paired.baseline, *paired.arms):
            name = arm_name(arm)
            kept = {run.record.seed: _kept(run) for run in arm.runs}
            self.samples.append(_sample(name, list(chain.from_iterable(kept.values()))))
            tunes = {
                seed: [song for song in songs if (song.has_notes if any_tune else song.is_valid)]
                for seed, songs in kept.items()
            }
            self.available[name] = sum(map(len, tunes.values()))
            self._left[name] = {
                run.record.seed: iter(self._shuffled(name, run, tunes[run.record.seed])) for run in arm.runs
            }
        if not any(self.available.values()):
            raise InputError(f"no run has a {self.kind}{'' if any_tune else '; leave out --valid-only'}")

    @property
    def arms(self) -> list[str]:
        """The arms that have any tune, the baseline first."""
        return [name for name, count in self.available.items() if count]

    def seeds(self, arm: str) -> list[int]:
        """The training seeds of the arm, in a new random order."""
        return [int(seed) for seed in self._rng.permutation(list(self._left[arm]))]

    def draw(self, arm: str, count: int, play: Play) -> list[Stimulus]:
        """Up to `count` tunes that make a sound, from the seeds in turn."""
        rounds = zip_longest(*(self._left[arm][seed] for seed in self.seeds(arm)))
        heard = (tune for tune in chain.from_iterable(rounds) if tune is not None and play(tune))
        return list(islice(heard, count))

    def draw_of_seed(self, arm: str, seed: int, play: Play) -> Stimulus | None:
        """One tune of the arm's run with this seed; None if none is left."""
        return next((tune for tune in self._left[arm].get(seed, iter(())) if play(tune)), None)

    def _shuffled(self, arm: str, run: FoundRun, tunes: Sequence[Song]) -> list[Stimulus]:
        record = run.record
        return [
            Stimulus(opaque_id(), arm, record.run_id, record.seed, tunes[place].index, "", tunes[place].abc)
            for place in self._rng.permutation(len(tunes))
        ]


def _kept(run: FoundRun) -> list[Song]:
    """The tunes that the run's conditions kept; none of a run that is not complete."""
    return [song for song in read_songs(run) if song.is_kept] if run.record.status == "complete" else []


def _sample(arm: str, songs: Sequence[Song]) -> Sample:
    num_invalid = sum(not (song.is_valid and song.has_notes) for song in songs)
    return Sample(arm, len(songs), num_invalid, sum(not song.has_notes for song in songs))


def share_out(count: int, arms: Sequence[str]) -> int:
    """How many of `count` tunes each arm gets; InputError if there are fewer tunes than arms."""
    each = count // len(arms)
    if each < 1:
        raise InputError(
            f"--num-tunes {count}: each of the {len(arms)} arms needs one; ask for more tunes or fewer runs"
        )
    return each
