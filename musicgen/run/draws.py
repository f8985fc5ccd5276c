"""Draws tunes until enough of them can be kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musicgen.sampling.config import SamplingConfig
from musicgen.sampling.generation import SampledTune


@dataclass(frozen=True)
class Draws:
    """All tunes drawn, and those kept."""

    tunes: Sequence[SampledTune]
    """Every draw in order. Rates count them all."""
    kept: Sequence[SampledTune]
    """The first num_tunes that fulfil the config's conditions; every draw without conditions."""
    conditions: str
    """What kept tunes fulfil, in words; empty without conditions."""

    @property
    def summary(self) -> str:
        """How many tunes were kept, as a line."""
        return f"kept {len(self.kept)} of {len(self.tunes)} draws: {self.conditions}"


def draw_tunes(sample: Callable[[range], list[SampledTune]], config: SamplingConfig) -> Draws:
    """Draw until config.num_tunes tunes are kept or config.most_draws are drawn.

    sample: draws the tunes with these numbers. Further draws come in batches of num_tunes, since a batch
    takes about as long as its longest tune.
    """
    tunes = sample(range(config.num_tunes))
    pitch_range = config.pitch_range
    if pitch_range is None:
        return Draws(tunes, tunes, "")
    kept = [tune for tune in tunes if pitch_range.holds(tune.text)]
    while len(kept) < config.num_tunes and len(tunes) < config.most_draws:
        more = sample(range(len(tunes), min(len(tunes) + config.num_tunes, config.most_draws)))
        kept += [tune for tune in more if pitch_range.holds(tune.text)]
        tunes += more
    name = config.range if isinstance(config.range, str) else "-".join(config.range or ())
    return Draws(tunes, kept[: config.num_tunes], f"all notes in sampling.range={name}")
