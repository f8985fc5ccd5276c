"""Which of a run's tunes are rendered."""

from collections.abc import Sequence
from dataclasses import dataclass

from musicgen.run.draws import judge
from musicgen.sampling.generation import SampledTune


@dataclass(frozen=True, slots=True)
class Choice:
    """The tunes to render."""

    tunes: Sequence[SampledTune]
    """In the order of their draws."""
    num_sound: int
    """How many of them are sound."""
    best: SampledTune | None
    """The one to play first; None without any."""

    @property
    def shortfall(self) -> str:
        """Says in a line that too few tunes are sound; "" if all of the chosen ones are."""
        if self.num_sound == len(self.tunes):
            return ""
        found, more = (str(self.num_sound), "no more") if self.num_sound else ("none", "none")
        are = "is" if self.num_sound < 2 else "are"
        return f"{found} of the {len(self.tunes)} rendered tunes {are} sound: the run has {more}"


def choose_tunes(tunes: Sequence[SampledTune], wanted: int) -> Choice:
    """The first sound tunes with form and a long last note, then other sound ones, then any.

    Form: two sections or more, each of 8 or 16 bars. A long last note is longer than the tune's average note.
    """
    finished, sound, others = [], [], []
    for tune in tunes:
        if len(finished) >= wanted:
            break
        judgement = judge(tune)
        if not judgement.is_sound:
            others.append(tune)
        elif judgement.has_form and judgement.has_long_last_note:
            finished.append(tune)
        else:
            sound.append(tune)
    chosen = [*finished, *sound, *others][:wanted]
    num_sound = min(len(finished) + len(sound), wanted)
    return Choice(sorted(chosen, key=lambda tune: tune.index), num_sound, chosen[0] if chosen else None)
