"""Where the text of a corpus comes from: music21's files, a checked download, or the user's own files."""

import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.errors import InputError
from musicgen.files import replace_atomically

DOWNLOAD_TIMEOUT_SECONDS = 30


def read_source(config: DataConfig) -> str:
    """The text of every file of the corpus, in the order of the file names, a blank line between two.

    Raises InputError for a corpus that is missing, empty or binary.
    """
    return "\n\n".join(_read_text(path) for path in locate_files(config))


def locate_files(config: DataConfig) -> list[Path]:
    """The corpus's files; downloads the one file of `source: download` where it is not at hand."""
    if config.source == "download":
        return [_downloaded_file(config)]
    if config.source == "music21":
        return _matching_files(_music21_corpus_folder() / config.path, config)
    return _matching_files(Path(config.path).expanduser(), config)


def _matching_files(path: Path, config: DataConfig) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(path.rglob("*.abc"))
    else:
        # A glob pattern has to be relative for pathlib: split it at the first part with a wildcard.
        parts = path.parts
        fixed = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
        if fixed == len(parts):
            raise InputError(f"data.path={config.path}: no such file or folder")
        files = sorted(
            file for file in Path(*parts[:fixed]).glob(str(Path(*parts[fixed:]))) if file.is_file()
        )
    if not files:
        raise InputError(
            f"data.path={config.path}: holds no file that matches (an .abc file, folder or glob)"
        )
    return files


def _music21_corpus_folder() -> Path:
    # Importing music21 takes seconds, and only its files are wanted.
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("data.source=music21: the package music21 is not installed (pip install music21)")
    return Path(spec.submodule_search_locations[0]) / "corpus"


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"data.path: cannot read {path}: {error.strerror}") from error
    if not content.strip():
        raise InputError(f"data.path: {path} is empty; an ABC file with tunes is needed")
    if b"\0" in content:
        raise InputError(f"data.path: {path} is a binary file; ABC is plain text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _downloaded_file(config: DataConfig) -> Path:
    folder = os.environ.get("MUSICGEN_DATA_DIR")
    places = [Path(folder).expanduser()] if folder else []
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musicgen"
    for place in [*places, cache]:
        path = place / config.path
        if path.is_file():
            _check_digest(path.read_bytes(), config, str(path))
            return path
    assert config.url is not None  # DataConfig checks it
    content = _fetch(config.url, config)
    _check_digest(content, config, config.url)
    path = cache / config.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)
    return path


def _fetch(url: str, config: DataConfig) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:
            return response.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise InputError(
            f"data={config.name}: cannot download {url} ({error}); put {config.path} into a folder "
            "and name that folder in MUSICGEN_DATA_DIR"
        ) from error


def _check_digest(content: bytes, config: DataConfig, origin: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != config.sha256:
        raise InputError(
            f"data={config.name}: {origin} has SHA-256 {digest}, not the expected {config.sha256}"
        )
