import subprocess
import sys

import pytest
from pydantic import ValidationError


@pytest.mark.parametrize(
    "change",
    [
        {"num_tunes": -1},
        {"audio_format": "mp3"},
        {"sample_rate": 7_999},
        {"tempo": 0},
        {"instrument": 128},
        {"instrument": "73"},
        {"loudness_dbfs": 3.0},
        {"loudness_dbfs": float("nan")},
        {"max_seconds": float("inf")},
        {"timeout_seconds": 0.0},
        {"volume": 3},
    ],
)
def test_invalid_values_are_rejected(change, make_config):
    with pytest.raises(ValidationError, match=next(iter(change))):
        make_config(**change)


def test_importing_the_package_is_cheap():
    code = (
        "import sys, musicgen.rendering;"
        "print({'matplotlib', 'symusic', 'verovio', 'soundfile', 'pretty_midi', 'torch'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
