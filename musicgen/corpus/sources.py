"""Where the text of a corpus comes from: music21's files, a checked download, or the user's own files."""

import hashlib
import importlib.util
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.tunebook import FILE_START
from musicgen.errors import InputError
from musicgen.files import read_whole, replace_atomically

DOWNLOAD_TIMEOUT_SECONDS = 30
_MEGABYTE = 10**6
_ABC_FILE = "*.[aA][bB][cC]"
_BYTE_ORDER_MARK = "\ufeff".encode()
# A mark has a meaning where a file begins, of several that were joined; anywhere else it is invisible.
_INVISIBLE_MARK = re.compile(r"(?<!\n)\ufeff(?![ \t]*[A-Za-z+]:|[%\n])")


def read_source(config: DataConfig) -> str:
    """The text of every file of the corpus, in the order of the file names, each further one after a mark.

    Raises InputError for a corpus that is missing, empty, binary, no file (a pipe, a device) or too large.
    """
    texts, left = [], config.max_megabytes * _MEGABYTE
    for path in locate_files(config):
        content = _read(path, left, config)
        left -= len(content)
        texts.append(decode_text(content, path))
    return f"\n{FILE_START}".join(texts)


def locate_files(config: DataConfig) -> list[Path]:
    """The corpus's files; downloads the one file of `source: download` where it is not at hand."""
    if config.source == "download":
        return [_downloaded_file(config)]
    try:
        if config.source == "music21":
            return _matching_files(_music21_corpus_folder() / config.path, config)
        return _matching_files(Path(config.path).expanduser(), config)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        # A name too long, a user without a home, a pattern that is none.
        raise InputError(f"data.path={config.path}: {getattr(error, 'strerror', None) or error}") from error


def _matching_files(path: Path, config: DataConfig) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob(_ABC_FILE) if file.is_file())
    elif path.exists():
        raise InputError(f"data.path={config.path}: is neither a file nor a folder")
    else:
        # A glob pattern has to be relative for pathlib: split it at the first part with a wildcard.
        parts = path.parts
        fixed = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
        if fixed == len(parts):
            raise InputError(f"data.path={config.path}: no such file or folder")
        pattern = re.sub(r"\.abc$", ".[aA][bB][cC]", str(Path(*parts[fixed:])), flags=re.IGNORECASE)
        files = sorted(file for file in Path(*parts[:fixed]).glob(pattern) if file.is_file())
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


def _read(path: Path, most_bytes: int, config: DataConfig) -> bytes:
    try:
        if path.stat().st_size > most_bytes:
            raise InputError(
                f"data={config.name}: more than {config.max_megabytes} MB of text with {path}; "
                "data.max_megabytes allows more"
            )
        return read_whole(path, most_bytes)
    except OSError as error:
        raise InputError(f"data.path: cannot read {path}: {error.strerror}") from error


def decode_text(content: bytes, path: Path) -> str:
    """The text of a file of ABC, with `\\n` line ends; raises InputError where it is empty or binary."""
    if not content.strip():
        raise InputError(f"data.path: {path} is empty; an ABC file with tunes is needed")
    if b"\0" in content:
        raise InputError(f"data.path: {path} is a binary file; ABC is plain text")
    # Each of several joined files has an encoding of its own.
    parts = content.removeprefix(_BYTE_ORDER_MARK).split(_BYTE_ORDER_MARK)
    text = FILE_START.join(map(_decode, parts))
    # DOS ended a file with the character 26, and a careless copy ends a line twice.
    text = text.replace("\x1a", "").replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE_MARK.sub("", text) if FILE_START in text else text


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _downloaded_file(config: DataConfig) -> Path:
    folder = os.environ.get("MUSICGEN_DATA_DIR")
    places = [Path(folder).expanduser()] if folder else []
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musicgen"
    for place in [*places, cache]:
        path = place / config.path
        if path.is_file():
            _check_digest(_read(path, config.max_megabytes * _MEGABYTE, config), config, str(path))
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
            content = response.read(config.max_megabytes * _MEGABYTE + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise InputError(
            f"data={config.name}: cannot download {url} ({error}); put {config.path} into a folder "
            "and name that folder in MUSICGEN_DATA_DIR"
        ) from error
    if len(content) > config.max_megabytes * _MEGABYTE:
        raise InputError(f"data={config.name}: {url} sends more than {config.max_megabytes} MB")
    return content


def _check_digest(content: bytes, config: DataConfig, origin: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != config.sha256:
        raise InputError(
            f"data={config.name}: {origin} has SHA-256 {digest}, not the expected {config.sha256}"
        )
