"""Files, folders and archives in every format, and archives from strangers."""

import io
import json
import logging
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from musicgen.corpus import formats
from musicgen.corpus.sources import read_source
from musicgen.corpus.tunebook import read_tunebook
from musicgen.errors import InputError
from tests.corpus.test_corpus import data_config

ABC = b"X:1\nK:C\nCDE|\n"
LATER = b"X:2\nK:G\nGAB|\n"
JSON = json.dumps([{"abc": "X:3\nK:D\nDEF|"}]).encode()
CSV = b"\xef\xbb\xbfabc,mode\r\nEFG|,Em\r\n"
TUNE = {".abc": "X:1\nK:C\nCDE|", ".json": "X:3\nK:D\nDEF|", ".csv": "X:1\nL:1/8\nK:Em\nEFG|"}


def archive(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, content in members.items():
            # Without the time of the test, its content is always the same.
            written.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def tunes_in(path: Path, **changes: object) -> list[str]:
    return read_tunebook(read_source(data_config(path, **changes))).tunes


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "tunes.csv"
    path.write_bytes("\ufeffabc,mode\r\nEFG|,Em\r\n".encode(encoding))
    assert tunes_in(path) == [TUNE[".csv"]]


def write(folder: Path, members: Mapping[str, bytes]) -> Path:
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["t.json", "T.JSON", "t.jsonl", "t.csv", "t.zip", "T.ZIP"])
def test_the_suffix_decides_the_format(name: str, tmp_path: Path) -> None:
    suffix = Path(name).suffix.lower()
    contents = {".csv": (CSV, ".csv"), ".zip": (archive({"a/b.Abc": ABC}), ".abc")}
    content, expected = contents.get(suffix, (JSON, ".json"))
    (tmp_path / name).write_bytes(content)
    assert tunes_in(tmp_path / name) == [TUNE[expected]]


@pytest.mark.parametrize("packed", [False, True])
def test_tables_in_a_collection_of_abc_are_ignored(packed: bool, tmp_path: Path) -> None:
    members = {
        "b/2.abc": LATER,
        "b/1.ABC": ABC,
        "settings.json": b"{",
        "list.csv": b"x",
        "._1.abc": b"\0",
        "notes": b"X",
    }
    if packed:
        (tmp_path / "all.zip").write_bytes(archive(members))
    place = tmp_path / "all.zip" if packed else write(tmp_path / "all", members)
    assert tunes_in(place) == [TUNE[".abc"], LATER.decode().strip()]


@pytest.mark.parametrize("packed", [False, True])
def test_a_collection_without_abc_gives_its_tables(packed: bool, tmp_path: Path) -> None:
    members = {"a/tunes.json": JSON, "b.csv": CSV, "README.md": b"X:9\nK:C\nC|\n"}
    if packed:
        (tmp_path / "all.zip").write_bytes(archive(members))
    place = tmp_path / "all.zip" if packed else write(tmp_path / "all", members)
    assert tunes_in(place) == [TUNE[".json"], TUNE[".csv"]]


def test_a_folder_of_archives_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.zip": archive({"1.abc": ABC}), "b.zip": archive({"2.abc": LATER})})
    assert len(tunes_in(tmp_path)) == 2


def test_a_glob_takes_what_it_names(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": JSON, "b.csv": CSV, "c.abc": ABC})
    assert tunes_in(tmp_path / "*.json") == [TUNE[".json"]]


def test_a_table_that_is_no_corpus_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"aliases.json": b'[{"alias": "x"}]', "tunes.json": JSON})
    with pytest.raises(InputError, match=r"aliases.json has no field \"abc\" .*'alias'"):
        tunes_in(tmp_path)


def test_archives_in_an_archive_are_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(archive({"more.zip": archive({"2.abc": LATER}), "tunes.json": JSON}))
    with caplog.at_level(logging.WARNING):
        assert tunes_in(path) == [TUNE[".json"]]
    assert "does not read the zip files in it (1)" in caplog.text


def test_nothing_is_unpacked_to_the_disk(tmp_path: Path) -> None:
    inside = write(tmp_path / "inside", {"all.zip": archive({"../../out.abc": ABC, "/tmp/out.abc": LATER})})
    assert len(tunes_in(inside / "all.zip")) == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["all.zip", "inside"]


def with_flag(content: bytes, flag: int) -> bytes:
    """The archive with a flag set for its only member, in its header and in the index."""
    edited = bytearray(content)
    edited[6] |= flag
    edited[edited.index(b"PK\x01\x02") + 8] |= flag
    return bytes(edited)


def with_size(content: bytes, size: int) -> bytes:
    """The archive with another unpacked size of its only member."""
    edited = bytearray(content)
    place = edited.index(b"PK\x01\x02") + 24
    edited[22:26] = edited[place : place + 4] = size.to_bytes(4, "little")
    return bytes(edited)


BOMB = archive({"bomb.abc": b"X:1\nK:C\n" + b"C" * 3_000_000})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK not an archive", "tunes.zip is not a zip file that can be read"),
        (archive({"1.abc": ABC})[:-30], "is not a zip file that can be read"),
        (archive({"1.abc": ABC}, zipfile.ZIP_STORED).replace(b"CDE|", b"CDF|"), "Bad CRC-32"),
        (archive({"README": ABC, "x.zip": archive({})}), "contains no .abc, .json or .csv file"),
        (with_flag(archive({"1.abc": ABC}), 1), "tunes.zip/1.abc is encrypted"),
        (archive({"1.abc": ABC}, zipfile.ZIP_LZMA), "1.abc is packed by another method than deflate"),
        (BOMB, "bomb.abc is too much text; raise data.max_megabytes"),
        (with_size(BOMB, 100), "is not a zip file that can be read"),
        (archive({"1.abc": b"C" * 600_000, "2.abc": b"C" * 600_000}), "2.abc is too much text"),
        (archive({"1.abc": b"\0"}), "tunes.zip/1.abc is a binary file"),
        (archive({"1.abc": b""}), "tunes.zip/1.abc is empty"),
        (archive({"a\nb\x1b.json": b"{"}), r"tunes.zip/a\\nb\\x1b.json is not valid JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "zip",
)
def test_hostile_archives_are_refused_in_one_line(content: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "tunes.zip").write_bytes(content)
    with pytest.raises(InputError, match=complaint) as error:
        tunes_in(tmp_path / "tunes.zip", max_megabytes=1)
    assert "\n" not in str(error.value)


def test_a_false_size_does_not_unpack_everything(tmp_path: Path) -> None:
    content = with_size(archive({"bomb.abc": b"C" * 50_000_000}), 100)
    (tmp_path / "tunes.zip").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="is not a zip file that can be read"):
            tunes_in(tmp_path / "tunes.zip", max_megabytes=1)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_MEMBERS", 2)
    (tmp_path / "tunes.zip").write_bytes(archive({f"{number}.abc": ABC for number in range(3)}))
    with pytest.raises(InputError, match="tunes.zip contains more than 2 files"):
        tunes_in(tmp_path / "tunes.zip")


def test_an_archive_counts_with_its_contents(tmp_path: Path) -> None:
    tunes = b"".join(b"X:%d\nK:C\nCDE|\n\n" % number for number in range(45_000))
    write(tmp_path, {"a.zip": archive({"1.abc": tunes}), "b.zip": archive({"1.abc": tunes})})
    assert len(tunes_in(tmp_path / "a.zip", max_megabytes=1)) == 45_000
    with pytest.raises(InputError, match="b.zip/1.abc is too much text"):
        tunes_in(tmp_path, max_megabytes=1)
