"""The tunes of a file as ABC text, whatever its format: .abc, .json, .csv, or a .zip with such files.

A file may come from a stranger, so archives are read in memory, within limits, and nothing is unpacked to the
disk.
"""

import codecs
import io
import logging
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import PurePath
from typing import TypeVar

from musicgen.corpus.tables import read_csv, read_json
from musicgen.corpus.tunebook import FILE_START
from musicgen.errors import InputError
from musicgen.notation.lines import with_newlines

log = logging.getLogger(__name__)

MAX_MEMBERS = 100_000
"""Limit of files in an archive; the index of an archive of 200 MB could name forty times as many."""
_ABC, _ZIP = ".abc", ".zip"
_TABLES = {".json": read_json, ".jsonl": read_json, ".csv": read_csv}
SUFFIXES = (_ABC, *_TABLES, _ZIP)
_INDEX_ENTRY = b"PK\x01\x02"
_READABLE_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 0x1
_BYTE_ORDER_MARK = "\ufeff".encode()
# A byte order mark matters only at the start of a file, also of one that was appended to another.
_INVISIBLE_MARK = re.compile(r"(?<!\n)\ufeff(?![ \t]*[A-Za-z+]:|[%\n])")
Name = TypeVar("Name", bound=PurePath)


def choose_tunes(files: Iterable[Name]) -> list[Name]:
    """Which files of a folder to read: the .abc files, or without any, the tables and archives.

    A collection of ABC files may contain settings or catalogues in JSON and CSV, or the same tunes again.
    """
    # macOS adds such a file to each one, with its attributes.
    by_name = sorted(file for file in files if not file.name.startswith("._"))
    tunebooks = [file for file in by_name if file.suffix.lower() == _ABC]
    return tunebooks or [file for file in by_name if file.suffix.lower() in SUFFIXES]


def to_abc(content: bytes, name: str, max_bytes: int) -> str:
    """The ABC text of a file, by its suffix; a file with any other suffix is read as ABC.

    name: the path that errors show; max_bytes: the limit on what an archive contains. Raises InputError.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix == _ZIP:
        return f"\n{FILE_START}".join(_read_zip(content, name, max_bytes))
    text = decode_text(content, name)
    return _TABLES[suffix](text, name) if suffix in _TABLES else text


def decode_text(content: bytes, name: object) -> str:
    """The text of a file with `\\n` line ends. Raises InputError if it is empty or binary."""
    if not content.strip():
        raise InputError(f"data.path: {name} is empty; expected ABC tunes")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # Excel's "Unicode text".
        content = content.decode("utf-16", errors="replace").encode()
    if b"\0" in content:
        raise InputError(f"data.path: {name} is a binary file; ABC is plain text")
    # Joined files may differ in encoding.
    parts = content.removeprefix(_BYTE_ORDER_MARK).split(_BYTE_ORDER_MARK)
    text = FILE_START.join(map(_decode, parts))
    # DOS files may end with character 26, and careless conversion leaves two carriage returns per line.
    text = with_newlines(text.replace("\x1a", "").replace("\r\r\n", "\n"))
    return _INVISIBLE_MARK.sub("", text) if FILE_START in text else text


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _read_zip(content: bytes, name: str, max_bytes: int) -> list[str]:
    """The ABC text of each file in the archive."""
    # Listing the files takes much more memory than the archive, so count them first.
    if content.count(_INDEX_ENTRY) > MAX_MEMBERS:
        raise InputError(f"data.path: {name} contains more than {MAX_MEMBERS:,} files")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = []
            for member in _tunes_in(archive, name):
                place = f"{name}/{ascii(member.filename)[1:-1]}"
                unpacked = _unpack(archive, member, place, max_bytes)
                max_bytes -= len(unpacked)
                texts.append(to_abc(unpacked, place, max_bytes))
            return texts
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"data.path: {name} is not a zip file that can be read: {error}") from error


def _tunes_in(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    members = {PurePath(member.filename): member for member in archive.infolist() if not member.is_dir()}
    nested = {file for file in members if file.suffix.lower() == _ZIP}
    if nested:
        log.warning("%s: does not read the zip files in it (%d)", name, len(nested))
    chosen = choose_tunes(members.keys() - nested)
    if not chosen:
        raise InputError(f"data.path: {name} contains no .abc, .json or .csv file")
    return [members[file] for file in chosen]


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: str, max_bytes: int) -> bytes:
    if member.flag_bits & _IS_ENCRYPTED:
        raise InputError(f"data.path: {place} is encrypted; give an archive without a password")
    if member.compress_type not in _READABLE_PACKING:
        raise InputError(f"data.path: {place} is packed by another method than deflate, zip's usual one")
    if member.file_size > max_bytes:
        raise InputError(f"data.path: {place} is too much text; raise data.max_megabytes")
    with archive.open(member) as file:
        # The stated size may be wrong, and read() without a limit would unpack everything.
        return file.read(member.file_size + 1)
