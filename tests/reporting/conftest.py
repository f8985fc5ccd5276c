"""One small study for all tests that only read it."""

from pathlib import Path

import pytest

from musicgen.reporting.material import Material, gather
from tests.reporting.written_study import write_study


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("studies") / "made-up")


@pytest.fixture(scope="session")
def material(study_folder: Path) -> Material:
    return gather([study_folder])
