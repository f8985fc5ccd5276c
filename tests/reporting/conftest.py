"""One small study, shared by all tests that only read it."""

from pathlib import Path

import pytest

from musicgen.reporting.study_data import StudyData, read_study
from tests.reporting.written_study import write_study


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("studies") / "made-up")


@pytest.fixture(scope="session")
def study(study_folder: Path) -> StudyData:
    return read_study([study_folder])
