"""How sampled tunes become MIDI, audio and pictures. Rendering belongs to no identity of a run."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(config=ConfigDict(extra="forbid", strict=True), frozen=True)
class RenderingConfig:
    """Settings of `render_tune`. The values live in conf/rendering/."""

    num_tunes: Annotated[int, Field(ge=0)]
    """How many sampled tunes of a run are rendered."""
    audio_format: Literal["wav", "flac", "ogg", "none"]
    sample_rate: Annotated[int, Field(ge=8_000, le=96_000)]
    """In Hz."""
    tempo: Annotated[int, Field(ge=20, le=400)] | None
    """Quarter notes per minute; None plays as the tune says, or at 120 where it says nothing."""
    instrument: Annotated[int, Field(ge=0, le=127)]
    """General MIDI program of every voice, counted from 0."""
    soundfont: str | None
    """Path of an .sf2 file; None is the General MIDI soundfont TimGM6mb that pretty_midi ships."""
    loudness_dbfs: Annotated[float, Field(ge=-60.0, le=-6.0)]
    """Root mean square over the tune, in decibels below full scale; peaks stay under -1 dBFS all the same."""
    max_seconds: Annotated[float, Field(ge=1.0, le=600.0)]
    """A tune that lasts longer is faded out here."""
    score: bool
    """Whether to engrave the tune (.svg)."""
    piano_roll: bool
    """Whether to draw the notes over time (.png)."""
    plots: bool
    """Whether to draw plots/ of a run and of a sweep."""
    timeout_seconds: Annotated[float, Field(gt=0.0, le=600.0)]
    """The longest that one conversion or one engraving of one tune may take."""
