"""A study with tunes to hear."""

from pathlib import Path

import pytest

from musicgen.listening.service import Listening
from tests.listening.made_session import begin, write_study


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two arms with two seeds each, and seven valid tunes a run."""
    return write_study(tmp_path)


@pytest.fixture
def listening(sweep: Path) -> Listening:
    """A session of ratings with eight tunes and one anchor of each kind."""
    return begin(sweep)
