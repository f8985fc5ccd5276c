"""What each trial sounds like, as artifacts of Optuna, which `optuna-dashboard --artifact-dir DIR` plays."""

import tempfile
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import InMemoryStorage

from musicgen.system.compression import compress

FOLDER = "artifacts"
"""In the folder of the search."""
_COMPRESSION = 0.7
"""From 0 (best quality) to 1 (smallest file)."""
_AUDIO, _ROLL = (".wav", ".flac", ".ogg"), ".png"


def keep_song(trial: optuna.Trial, run_directory: Path, folder: Path) -> None:
    """Keep the first song that the run rendered, if it rendered any: an MP3 and the piano roll.

    Call it before the trial ends. A trial that does so again has the same files under the same identifiers.
    """
    files = [file for file in (run_directory / "tunes").glob("*") if file.suffix in (*_AUDIO, _ROLL)]
    if not files or isinstance(trial.storage, InMemoryStorage):
        return
    folder.mkdir(parents=True, exist_ok=True)
    first = min(file.stem for file in files)
    with tempfile.TemporaryDirectory() as temporary:
        for file in (file for file in files if file.stem == first):
            if file.suffix != _ROLL:
                file = compress(file, _COMPRESSION, mono=True, folder=Path(temporary))
            _upload(trial, file, folder)


def _upload(trial: optuna.Trial, file: Path, folder: Path) -> None:
    store = FileSystemArtifactStore(folder)
    there = get_all_artifact_meta(study_or_trial=trial)
    known = next((one.artifact_id for one in there if one.filename == file.name), None)
    if known is None:
        upload_artifact(artifact_store=store, file_path=str(file), study_or_trial=trial)
        return
    # The process that began this trial may have died while it wrote the file.
    with file.open("rb") as content:
        store.write(known, content)
