"""The song of a trial, read back by Optuna and by its dashboard."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import numpy as np
import optuna
import pytest
import soundfile
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta

from musicgen.search.artifacts import keep_song

ROLL = b"\x89PNG of the first tune"


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    """A run that rendered two tunes."""
    songs = tmp_path / "000" / "seed=0" / "tunes"
    songs.mkdir(parents=True)
    for name, seconds in (("001.wav", 2), ("004.wav", 1)):
        soundfile.write(songs / name, np.tile([0.1, -0.1], 12_000 * seconds), 24_000)
    (songs / "001.abc").write_text("X:1\n")
    (songs / "001.png").write_bytes(ROLL)
    (songs / "004.png").write_bytes(b"another one")
    return songs.parent


@pytest.fixture
def study(tmp_path: Path) -> Iterator[optuna.Study]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/search.sqlite")
    yield optuna.create_study(storage=storage)
    storage.remove_session()
    storage.engine.dispose()


def test_optuna_reads_the_song_back(study: optuna.Study, run_directory: Path, tmp_path: Path) -> None:
    trial = study.ask()
    keep_song(trial, run_directory, tmp_path / "artifacts")
    study.tell(trial, 1.0)
    found = get_all_artifact_meta(study_or_trial=study.trials[0], storage=study._storage)
    found.sort(key=lambda one: one.filename)
    assert [(one.filename, one.mimetype) for one in found] == [
        ("001.mp3", "audio/mpeg"),
        ("001.png", "image/png"),
    ]
    store = FileSystemArtifactStore(tmp_path / "artifacts")
    for one in found:
        path = str(tmp_path / one.filename)
        download_artifact(artifact_store=store, artifact_id=one.artifact_id, file_path=path)
    assert soundfile.info(tmp_path / "001.mp3").duration == pytest.approx(2, abs=0.2)
    assert (tmp_path / "001.png").read_bytes() == ROLL


def test_a_resumed_trial_keeps_its_song_once(
    study: optuna.Study, run_directory: Path, tmp_path: Path
) -> None:
    trial, folder = study.ask(), tmp_path / "artifacts"
    keep_song(trial, run_directory, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    broken = next(iter(before))
    (folder / broken).write_bytes(b"")
    keep_song(trial, run_directory, folder)
    assert len(before) == 2 and {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(get_all_artifact_meta(study_or_trial=trial)) == 2


def test_a_run_without_songs_keeps_nothing(study: optuna.Study, tmp_path: Path) -> None:
    trial = study.ask()
    keep_song(trial, tmp_path / "000", tmp_path / "artifacts")
    assert get_all_artifact_meta(study_or_trial=trial) == [] and not (tmp_path / "artifacts").exists()


def test_the_dashboard_serves_the_song(study: optuna.Study, run_directory: Path, tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    trial, folder = study.ask(), tmp_path / "artifacts"
    keep_song(trial, run_directory, folder)
    (song,) = (one for one in get_all_artifact_meta(study_or_trial=trial) if one.mimetype == "audio/mpeg")
    application = dashboard.wsgi(study._storage, FileSystemArtifactStore(folder))
    environment: dict = {"PATH_INFO": f"/artifacts/{study._study_id}/{trial._trial_id}/{song.artifact_id}"}
    setup_testing_defaults(environment)
    told: list[tuple[str, list]] = []
    with closing(
        application(environment, lambda status, headers, *_: told.append((status, headers)))
    ) as parts:
        body = b"".join(parts)
    ((status, headers),) = told
    assert status == "200 OK" and ("Content-Type", "audio/mpeg") in headers
    assert body == (folder / song.artifact_id).read_bytes()
