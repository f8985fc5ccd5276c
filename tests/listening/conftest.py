"""A study with tunes to rate."""

from pathlib import Path

import pytest

from musicgen.listening.service import ListeningService
from tests.listening.made_session import begin, write_study


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two arms with two seeds each and eight tunes per run, seven of them valid."""
    return write_study(tmp_path)


@pytest.fixture
def listening(sweep: Path) -> ListeningService:
    """A session of ratings with eight tunes and one anchor of each kind."""
    return begin(sweep)
