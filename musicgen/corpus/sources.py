"""Reads the text of a corpus from music21's files, verified downloads, or the user's own files."""

import hashlib
import http.client
import importlib.util
import logging
import os
import re
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from musicgen.corpus.config import OWN_SOURCES, DataConfig
from musicgen.corpus.formats import SUFFIXES, choose_tunes, to_abc
from musicgen.corpus.outside import read_outside
from musicgen.corpus.tunebook import FILE_START
from musicgen.errors import InputError
from musicgen.system.files import read_whole, replace_atomically

log = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT_SECONDS = 30
_MEGABYTE = 10**6
_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")


def read_source(config: DataConfig) -> str:
    """The ABC text of all files of the corpus by file name, joined by FILE_START.

    Raises InputError if the corpus is missing, empty, binary, in no format that can be read, not a regular
    file or too large.
    """
    if config.source not in OWN_SOURCES:
        return read_outside(config)
    texts, left = [], config.max_megabytes * _MEGABYTE
    for path in locate_files(config):
        content = _read(path, left, config)
        text = to_abc(content, str(path), left)
        left -= max(len(content), len(text))
        texts.append(text)
    return f"\n{FILE_START}".join(texts)


def is_at_hand(config: DataConfig) -> bool:
    """Whether the corpus can be read without network access."""
    return config.source != "download" or _kept_downloads(config) is not None


def locate_files(config: DataConfig) -> list[Path]:
    """The corpus's files; downloads those of `source: download` unless copies exist."""
    if config.source == "download":
        return _downloaded_files(config)
    try:
        folder = _music21_corpus_folder() if config.source == "music21" else Path()
        if (folder / config.path).exists():
            return _matching_files(folder / config.path, config)
        paths = [folder / Path(path).expanduser() for path in _alternatives(config.path)]
        return list(dict.fromkeys(file for path in paths for file in _matching_files(path, config)))
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        # The name is too long, ~user is unknown, or the glob is invalid.
        raise InputError(f"data.path={config.path}: {getattr(error, 'strerror', None) or error}") from error


def _matching_files(path: Path, config: DataConfig) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        known = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        files = choose_tunes(file for file in known if file.is_file())
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
        raise InputError(f"data.path={config.path}: no matching .abc, .json, .csv or .zip file")
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


def _downloaded_files(config: DataConfig) -> list[Path]:
    kept = _kept_downloads(config)
    if kept is not None:
        contents = [_read(path, config.max_megabytes * _MEGABYTE, config) for path in kept]
        _check_digest(contents, config, ", ".join(map(str, kept)))
        return kept
    files = _files(config)
    paths = [_cached_path(config, name) for name in files]
    contents, left = [], config.max_megabytes * _MEGABYTE
    for url in files.values():
        contents.append(_fetch(url, left, config))
        left -= len(contents[-1])
    assert config.url is not None  # checked by DataConfig
    _check_digest(contents, config, config.url)
    for path, content in zip(paths, contents, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as temporary:
            temporary.write_bytes(content)
    return paths


def _files(config: DataConfig) -> dict[str, str]:
    """Where each file is kept, below the folder of downloads -> its address."""
    assert config.url is not None  # checked by DataConfig
    urls = _alternatives(config.url)
    if urls == [config.url]:
        return {config.path: config.url}
    return {f"{config.path}/{url.rpartition('/')[2]}": url for url in urls}


def _alternatives(text: str) -> list[str]:
    """As in a shell and in curl, `{a,b}.abc` stands for two names; text without braces for itself."""
    found = _ALTERNATIVES.search(text)
    if found is None:
        return [text]
    return [f"{text[: found.start()]}{name}{text[found.end() :]}" for name in found[1].split(",")]


def _kept_downloads(config: DataConfig) -> list[Path] | None:
    """The files in the folder MUSICGEN_DATA_DIR, or else in the cache; None if neither has all of them."""
    names = _files(config)
    folder = os.environ.get("MUSICGEN_DATA_DIR")
    places = [[Path(folder).expanduser() / name for name in names]] if folder else []
    places.append([_cached_path(config, name) for name in names])
    return next((paths for paths in places if all(path.is_file() for path in paths)), None)


def _cached_path(config: DataConfig, name: str) -> Path:
    """The path of a download in the cache. Raises InputError if a link there points outside the cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "musicgen"
    path = cache / name
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


def _fetch(url: str, max_bytes: int, config: DataConfig) -> bytes:
    log.info("downloading %s", url)
    try:
        with closing(_web_only().open(url, timeout=DOWNLOAD_TIMEOUT_SECONDS)) as response:
            content = response.read(max_bytes + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        num_files = len(_files(config))
        what = config.path if num_files == 1 else f"{config.path}/ with the {num_files} files of data.url"
        raise InputError(
            f"data={config.name}: cannot download {url} ({error}); put {what} into a folder "
            "and set MUSICGEN_DATA_DIR to that folder"
        ) from error
    if len(content) > max_bytes:
        raise InputError(f"data={config.name}: {url} sends more than {config.max_megabytes} MB")
    return content


def _check_digest(contents: Sequence[bytes], config: DataConfig, origin: str) -> None:
    """Compare the digest of the files, one after the other."""
    content = b"".join(contents)
    if config.git_blob is not None:
        kind, expected = "Git object name", config.git_blob
        digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    else:
        kind, expected, digest = "SHA-256", config.sha256, hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise InputError(f"data={config.name}: {origin} has {kind} {digest}, expected {expected}")
