"""Where the text of a corpus comes from: music21's files, a checked download, or the user's own files."""

import hashlib
import http.client
import importlib.util
import os
import re
import urllib.request
from contextlib import closing
from pathlib import Path

from musicgen.corpus.config import DataConfig
from musicgen.corpus.tunebook import FILE_START
from musicgen.errors import InputError
from musicgen.system.files import read_whole, replace_atomically

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


def is_at_hand(config: DataConfig) -> bool:
    """Whether the corpus can be read without the network."""
    return config.source != "download" or _kept_download(config) is not None


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
    kept = _kept_download(config)
    if kept is not None:
        _check_digest(_read(kept, config.max_megabytes * _MEGABYTE, config), config, str(kept))
        return kept
    path = _place_in_cache(config)
    assert config.url is not None  # DataConfig checks it
    content = _fetch(config.url, config)
    _check_digest(content, config, config.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)
    return path


def _kept_download(config: DataConfig) -> Path | None:
    """The file in the folder that MUSICGEN_DATA_DIR names, or in the cache; None if it is in neither."""
    folder = os.environ.get("MUSICGEN_DATA_DIR")
    places = [Path(folder).expanduser() / config.path] if folder else []
    return next((path for path in (*places, _place_in_cache(config)) if path.is_file()), None)


def _place_in_cache(config: DataConfig) -> Path:
    """Where the cache keeps the file; raises InputError if a link in the cache leads out of it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musicgen"
    path = cache / config.path
    if not path.resolve().is_relative_to(cache.resolve()):
        raise InputError(f"data.path={config.path}: a link leads out of the cache, {cache}")
    return path


def _web_only() -> urllib.request.OpenerDirector:
    """An opener without handlers for file:, ftp: and data:, which a redirect could otherwise name."""
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
