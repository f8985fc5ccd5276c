"""What the page shows of a drawn tune: facts as plain values, its sound and its score."""

import threading
from dataclasses import asdict
from functools import lru_cache

from musicgen.metrics.sections import first_section_end, sections_of
from musicgen.notation.tune import ParsedTune
from musicgen.playing.networks import Drawn
from musicgen.rendering import Engraver, RenderingConfig
from musicgen.rendering.audio import encode_audio, synthesise
from musicgen.rendering.midi import perform
from musicgen.rendering.roll_paths import draw_roll

_UNTITLED = "Untitled"
_MAX_SOUNDS, _MAX_SCORES = 8, 32
"""How many stay in memory: a sound has some megabytes."""


class Renderer:
    """Renders drawn tunes as sound and score; what was rendered last stays in memory."""

    def __init__(self, config: RenderingConfig, engraver: Engraver) -> None:
        self.config = config
        self._engraver = engraver
        self._engraving = threading.Lock()
        self._perform = lru_cache(_MAX_SOUNDS)(lambda drawn: perform(drawn.tune.text, config))
        self.sound = lru_cache(_MAX_SOUNDS)(self._sound)
        """A drawn tune as audio; None if no note sounds."""
        self.score = lru_cache(_MAX_SCORES)(self._score)
        """A drawn tune as SVG; None if there is nothing to draw."""

    def facts(self, drawn: Drawn) -> dict[str, object]:
        """What the page shows of a tune at once."""
        tune, judgement = drawn.judgement.tune, drawn.judgement
        performance = self._perform(drawn)
        roll = None
        if performance.midi is not None and performance.duration_seconds:
            roll = asdict(draw_roll(performance.midi, tune, performance.duration_seconds))
        sections = sections_of(tune.bars)
        return {
            "title": title_of(tune),
            "abc": drawn.tune.text,
            "seed": drawn.more.config.seed,
            "kept": drawn.kept,
            "is_sound": judgement.is_sound,
            "judgement": judgement.words,
            "sections": [section.num_bars for section in sections],
            "first_section": first_section_end(tune.bars) if len(sections) > 1 else None,
            "bars": [{"text": bar.text, "line": bar.line} for bar in tune.bars],
            "wrong_bars": list(judgement.wrong_bars),
            "roll": roll,
            "problems": list(performance.problems),
            "remark": drawn.remark,
        }

    def _sound(self, drawn: Drawn) -> bytes | None:
        performance = self._perform(drawn)
        if performance.midi is None:
            return None
        sound = synthesise(performance.midi, performance.is_cut, self.config)
        return None if sound is None else bytes(encode_audio(sound, self.config))

    def _score(self, drawn: Drawn) -> bytes | None:
        with self._engraving:
            svg = self._engraver.engrave(drawn.judgement.tune).svg
        return None if svg is None else svg.encode()


def title_of(tune: ParsedTune) -> str:
    """The tune's own title, which may be any text."""
    return " ".join((tune.header("T") or "").split()) or _UNTITLED
