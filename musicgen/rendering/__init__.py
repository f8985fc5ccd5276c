"""Renders sampled tunes as MIDI, audio, score and piano roll."""

from musicgen.rendering.audio import check_soundfont
from musicgen.rendering.config import RenderingConfig
from musicgen.rendering.score import Engraver
from musicgen.rendering.tune_files import RenderedTune, render_tune

__all__ = ["Engraver", "RenderedTune", "RenderingConfig", "check_soundfont", "render_tune"]
