"""Sampled tunes to what ears and eyes take in: MIDI, audio, a score and a piano roll."""

from musicgen.rendering.audio import check_soundfont
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.score import Engraver
from musicgen.rendering.tune_files import RenderedTune, render_tune

__all__ = ["Engraver", "RenderedTune", "RenderingConfig", "check_soundfont", "render_tune"]
