"""Reads the text of a corpus from music21's files, a verified download, or the user's own files."""

import hashlib
import http.client
import importlib.util
import os
import re
import urllib.request
from contextlib import closing
from pathlib import Path

from musicgen.corpus.config import OWN_SOURCES, DataConfig
from musicgen.corpus.outside import read_outside
from musicgen.corpus.tunebook import FILE_START
from musicgen.errors import InputError
from musicgen.system.files import read_whole, replace_atomically

DOWNLOAD_TIMEOUT_SECONDS = 30
_MEGABYTE = 10**6
_ABC_FILE = "*.[aA][bB][cC]"
_BYTE_ORDER_MARK = "\ufeff".encode()
# A byte order mark matters only at the start of a file, also of one that was appended to another.
_INVISIBLE_MARK = re.compile(r"(?<!\n)\ufeff(?![ \t]*[A-Za-z+]:|[%\n])")


def read_source(config: DataConfig) -> str:
    """The text of all files of the corpus by file name, joined by FILE_START.

    Raises InputError if the corpus is missing, empty, binary, not a regular file or too large.
    """
    if config.source not in OWN_SOURCES:
        return read_outside(config)
    texts, left = [], config.max_megabytes * _MEGABYTE
    for path in locate_files(config):
        content = _read(path, left, config)
        left -= len(content)
        texts.append(decode_text(content, path))
    return f"\n{FILE_START}".join(texts)


def is_at_hand(config: DataConfig) -> bool:
    """Whether the corpus can be read without network access."""
    return config.source != "download" or _kept_download(config) is not None


def locate_files(config: DataConfig) -> list[Path]:
    """The corpus's files; downloads the file of `source: download` unless a copy exists."""
    if config.source == "download":
        return [_downloaded_file(config)]
    try:
        if config.source == "music21":
            return _matching_files(_music21_corpus_folder() / config.path, config)
        return _matching_files(Path(config.path).expanduser(), config)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        # The name is too long, ~user is unknown, or the glob is invalid.
        raise InputError(f"data.path={config.path}: {getattr(error, 'strerror', None) or error}") from error


def _matching_files(path: Path, config: DataConfig) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob(_ABC_FILE) if file.is_file())
    elif path.exists():
        raise InputError(f"data.path={config.path}: neither a file nor a folder")
    else:
        # pathlib needs a relative glob pattern: split the path at its first part with a wildcard.
        parts = path.parts
        fixed = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
        if fixed == len(parts):
            raise InputError(f"data.path={config.path}: no such file or folder")
        pattern = re.sub(r"\.abc$", ".[aA][bB][cC]", str(Path(*parts[fixed:])), flags=re.IGNORECASE)
        files = sorted(file for file in Path(*parts[:fixed]).glob(pattern) if file.is_file())
    if not files:
        raise InputError(f"data.path={config.path}: no matching .abc file")
    return files


def _music21_corpus_folder() -> Path:
    # Importing music21 takes seconds, and only its files are needed.
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("data.source=music21: music21 is not installed (pip install music21)")
    return Path(spec.submodule_search_locations[0]) / "corpus"


def _read(path: Path, max_bytes: int, config: DataConfig) -> bytes:
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(
                f"data={config.name}: {path} exceeds the limit of {config.max_megabytes} MB of text; "
                "raise data.max_megabytes"
            )
        return read_whole(path, max_bytes)
    except OSError as error:
        raise InputError(f"data.path: cannot read {path}: {error.strerror}") from error


def decode_text(content: bytes, path: Path) -> str:
    """The text of an ABC file with `\\n` line ends. Raises InputError if it is empty or binary."""
    if not content.strip():
        raise InputError(f"data.path: {path} is empty; expected ABC tunes")
    if b"\0" in content:
        raise InputError(f"data.path: {path} is a binary file; ABC is plain text")
    # Joined files may differ in encoding.
    parts = content.removeprefix(_BYTE_ORDER_MARK).split(_BYTE_ORDER_MARK)
    text = FILE_START.join(map(_decode, parts))
    # DOS files may end with character 26, and careless conversion leaves two carriage returns per line.
    text = text.replace("\x1a", "").replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE_MARK.sub("", text) if FILE_START in text else text


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _downloaded_file(config: DataConfig) -> Path:
    kept = _kept_download(config)
    if kept is not None:
        _check_digest(_read(kept, config.max_megabytes * _MEGABYTE, config), config, str(kept))
        return kept
    path = _cached_path(config)
    assert config.url is not None  # checked by DataConfig
    content = _fetch(config.url, config)
    _check_digest(content, config, config.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)
    return path


def _kept_download(config: DataConfig) -> Path | None:
    """The file in the folder MUSICGEN_DATA_DIR, or else in the cache; None if it is in neither."""
    folder = os.environ.get("MUSICGEN_DATA_DIR")
    places = [Path(folder).expanduser() / config.path] if folder else []
    return next((path for path in (*places, _cached_path(config)) if path.is_file()), None)


def _cached_path(config: DataConfig) -> Path:
    """The path of the download in the cache. Raises InputError if a link there points outside the cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musicgen"
    path = cache / config.path
    if not path.resolve().is_relative_to(cache.resolve()):
        raise InputError(f"data.path={config.path}: a link points outside the cache, {cache}")
    return path


def _web_only() -> urllib.request.OpenerDirector:
    """An opener without handlers for file:, ftp: and data:, so that no redirect can use them."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _fetch(url: str, config: DataConfig) -> bytes:
    try:
        with closing(_web_only().open(url, timeout=DOWNLOAD_TIMEOUT_SECONDS)) as response:
            content = response.read(config.max_megabytes * _MEGABYTE + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(
            f"data={config.name}: cannot download {url} ({error}); put {config.path} into a folder "
            "and set MUSICGEN_DATA_DIR to that folder"
        ) from error
    if len(content) > config.max_megabytes * _MEGABYTE:
        raise InputError(f"data={config.name}: {url} sends more than {config.max_megabytes} MB")
    return content


def _check_digest(content: bytes, config: DataConfig, origin: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != config.sha256:
        raise InputError(f"data={config.name}: {origin} has SHA-256 {digest}, expected {config.sha256}")
