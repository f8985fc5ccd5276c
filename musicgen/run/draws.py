"""Draws tunes until enough of them can be kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musicgen.metrics.soundness import Judgement
from musicgen.notation import parse_tune
from musicgen.sampling.config import SamplingConfig
from musicgen.sampling.generation import SampledTune


@dataclass(frozen=True)
class Draws:
    """All tunes drawn, and those kept."""

    tunes: Sequence[SampledTune]
    """Every draw in order. Rates count them all."""
    kept: Sequence[SampledTune]
    """The first num_tunes that fulfil the config's conditions; every draw without conditions."""
    config: SamplingConfig

    @property
    def has_conditions(self) -> bool:
        """Whether draws had to meet a condition."""
        return bool(self.config.conditions)

    @property
    def summary(self) -> str:
        """How many draws were kept and why, as a line."""
        line = f"{len(self.kept)} of {len(self.tunes)} draws kept: {self.config.conditions}"
        if len(self.kept) == self.config.num_tunes:
            return line
        return f"{line}; {self.config.num_tunes} were wanted, but max_draws is {len(self.tunes)}"


def draw_tunes(sample: Callable[[range], list[SampledTune]], config: SamplingConfig) -> Draws:
    """Draw until config.num_tunes tunes are kept or config.most_draws are drawn.

    sample: draws the tunes with these numbers. Further draws come in batches of num_tunes, since a batch
    takes about as long as its longest tune.
    """
    tunes = sample(range(config.num_tunes))
    if not config.conditions:
        return Draws(tunes, tunes, config)
    kept = [tune for tune in tunes if _fulfils_conditions(tune, config)]
    while len(kept) < config.num_tunes and len(tunes) < config.most_draws:
        more = sample(range(len(tunes), min(len(tunes) + config.num_tunes, config.most_draws)))
        kept += [tune for tune in more if _fulfils_conditions(tune, config)]
        tunes += more
    return Draws(tunes, kept[: config.num_tunes], config)


def judge(tune: SampledTune) -> Judgement:
    """What a musician would say of the tune."""
    return Judgement(parse_tune(tune.text), tune.ended)


def _fulfils_conditions(tune: SampledTune, config: SamplingConfig) -> bool:
    pitch_range = config.pitch_range
    return (pitch_range is None or pitch_range.holds(tune.text)) and (
        config.keep == "all" or judge(tune).is_sound
    )
