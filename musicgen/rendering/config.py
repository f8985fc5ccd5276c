"""The `rendering` config group. It is not part of a run's identity."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(config=ConfigDict(extra="forbid", strict=True), frozen=True)
class RenderingConfig:
    """How to render sampled tunes. Defaults are in conf/rendering/."""

    num_tunes: Annotated[int, Field(ge=0)]
    """Number of sampled tunes to render."""
    audio_format: Literal["wav", "flac", "ogg", "none"]
    sample_rate: Annotated[int, Field(ge=8_000, le=96_000)]
    """In Hz."""
    tempo: Annotated[int, Field(ge=20, le=400)] | None
    """Quarter notes per minute; None: the tempo of the tune, or else 120."""
    instrument: Annotated[int, Field(ge=0, le=127)]
    """General MIDI program of every voice, from 0."""
    soundfont: str | None
    """Path of an .sf2 file; None: TimGM6mb, the General MIDI soundfont that ships with pretty_midi."""
    loudness_dbfs: Annotated[float, Field(ge=-60.0, le=-6.0)]
    """Root mean square over the tune, in dBFS; lower if peaks would exceed -1 dBFS."""
    max_seconds: Annotated[float, Field(ge=1.0, le=600.0)]
    """Longer tunes fade out here."""
    score: bool
    """Whether to engrave the score (.svg)."""
    piano_roll: bool
    """Whether to draw the notes over time (.png)."""
    plots: bool
    """Whether to draw the plots/ of a run and of a sweep."""
    timeout_seconds: Annotated[float, Field(gt=0.0, le=600.0)]
    """Limit for one conversion or engraving of one tune."""
