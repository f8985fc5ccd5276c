"""A tune with known sound, and a config that renders it quickly."""

from collections.abc import Callable
from typing import Any

import pytest

from musicgen.rendering import RenderingConfig

# Two bars of 4/4 repeated, then one bar: 4 × 2 + 2 s at 120 quarter notes per minute, 29 notes.
GOLDEN = """X:1
T:Golden
M:4/4
L:1/8
K:D
|:DEFG ABcd|d4 D4:|d2 A2 F2 D2|]
"""


@pytest.fixture
def golden() -> str:
    return GOLDEN


@pytest.fixture
def make_config() -> Callable[..., RenderingConfig]:
    def make(**changes: Any) -> RenderingConfig:
        values: dict[str, Any] = {
            "num_tunes": 8,
            "audio_format": "wav",
            "sample_rate": 22_050,
            "tempo": None,
            "instrument": 73,
            "soundfont": None,
            "loudness_dbfs": -20.0,
            "max_seconds": 60.0,
            "score": False,
            "piano_roll": False,
            "plots": True,
            "timeout_seconds": 600.0,
        }
        return RenderingConfig(**(values | changes))

    return make
