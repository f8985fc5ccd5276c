"""Two small trained runs on one corpus, loaded once, and the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen.playing.networks import PlayedRun
from musicgen.playing.opening import open_player
from musicgen.playing.server import PlayingServer
from musicgen.playing.service import PlayingService
from musicgen.records.record import RunRecord
from musicgen.records.runs import FoundRun
from tests.commands import last_line, train
from tests.http_client import Client, running

PHRASE = "CDEF GABc|cBAG FEDC|"


@pytest.fixture(scope="session")
def run_directories(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run that plans its tunes, trained until it writes bars, and one with other weights."""
    outputs = tmp_path_factory.mktemp("outputs")
    quick = ("rendering.num_tunes=0", "rendering.plots=false", "tracker=none")
    common = (*quick, "training.num_threads=1", "sampling.prompts=['X:']")
    first = train(corpus, outputs, *common, "training.num_iterations=300", "sampling.max_chars=400")
    second = train(corpus, outputs, *common, "seed=1")
    return last_line(first), last_line(second)


@pytest.fixture(scope="session")
def played(run_directories: tuple[Path, Path]) -> PlayedRun:
    """The first run's network."""
    directory = run_directories[0]
    return PlayedRun(FoundRun(directory, RunRecord.read(directory)))


@pytest.fixture(scope="session")
def service(run_directories: tuple[Path, Path], corpus: Path) -> Iterator[PlayingService]:
    """Both runs side by side. Tests share its draws and its tunebook."""
    with open_player(run_directories, corpus=str(corpus)) as opened:
        yield opened


@pytest.fixture(scope="session")
def server(service: PlayingService) -> Iterator[PlayingServer]:
    with running(PlayingServer(service, 0)) as started:
        yield started


@pytest.fixture
def client(server: PlayingServer) -> Client:
    return Client(server.server_port, server.token)
