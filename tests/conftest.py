"""Settings of all tests: no connection to Comet, one thread, default signals; and small corpora."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.browser import chromium
from tests.processes import end_processes
from tests.soak.commands import write_tunebook

# comet_ml reads these when it is imported, in this process and in the commands that tests start.
os.environ["COMET_ERROR_TRACKING_ENABLE"] = "false"
for setting in (
    "API_KEY",
    "WORKSPACE",
    "PROJECT_NAME",
    "OFFLINE_DIRECTORY",
    "EXPERIMENT_NAME",
    "START_ONLINE",
):
    os.environ.pop(f"COMET_{setting}", None)
# A key in the user's home must not take a test online either.
os.environ["COMET_CONFIG"] = os.devnull
# Tests use networks so small that a second thread would slow them down.
os.environ["OMP_NUM_THREADS"] = "1"

# Background jobs of a shell ignore SIGINT, and processes under nohup ignore SIGHUP. The commands that tests
# start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A test must not fail because a shared machine is slow for a moment.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


LONG_FILES = {"test_launcher.py", "test_strangers.py"}
"""Their tests are not slow, but so many that they take longer together than most slow ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no worker is left with one at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow") or item.path.name in LONG_FILES}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True)
def nothing_left_for_later_tests() -> Iterator[None]:
    """End processes; heed SIGHUP again, which an interrupted process and its commands ignore.

    Forget the metrics that other packages, or records of runs with them, declared.
    """
    yield
    end_processes()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if registry := sys.modules.get("musicgen.metrics.registry"):
        for metric in list(registry.METRICS.values()):
            if metric.family not in registry.FAMILIES:
                del registry.METRICS[metric.name]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path for packages."""
    from musicgen.system import extensions

    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    extensions._installed.cache_clear()
    yield folder
    extensions._installed.cache_clear()
    for path in folder.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture(scope="session")
def irish_folder() -> Path:
    """The folder of the course's corpus; skips the test without it."""
    folder = os.environ.get("MUSICGEN_DATA_DIR")
    if not folder or not (Path(folder) / "irish.abc").is_file():
        pytest.skip("MUSICGEN_DATA_DIR is not a folder with irish.abc")
    return Path(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; Playwright allows only one at a time in a process."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tunebook for tests that leave it as it is."""
    return write_tunebook(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def tunebook(tmp_path: Path) -> Path:
    """A file with forty short, distinct tunes."""
    return write_tunebook(tmp_path)
