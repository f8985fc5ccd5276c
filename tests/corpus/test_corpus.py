import hashlib
import http.server
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from musicgen.corpus import usable
from musicgen.corpus.config import DataConfig
from musicgen.corpus.corpus import load_corpus
from musicgen.errors import InputError


def data_config(path: Path | str, **changes: object) -> DataConfig:
    config = DataConfig(
        name="file",
        source="files",
        path=str(path),
        url=None,
        sha256=None,
        clean=True,
        keep_fields=list("XTRMLK"),
        validation_share=0.1,
        test_share=0.1,
        near_duplicate_share=None,
        split_seed=0,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def test_a_corpus_is_read_split_and_reported(tunebook: Path) -> None:
    corpus = load_corpus(data_config(tunebook))
    assert (corpus.report.num_train, corpus.report.num_validation, corpus.report.num_test) == (32, 4, 4)
    assert corpus.report.tunes_read == 40 and corpus.report.dropped == {}
    assert set(corpus.part("train")).isdisjoint(corpus.part("test"))
    assert load_corpus(data_config(tunebook, split_seed=1)).split != corpus.split
    assert load_corpus(data_config(tunebook, split_seed=1)).sha256 == corpus.sha256


def test_a_cached_corpus_is_equal_and_not_read_again(
    tunebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, kept = data_config(tunebook, near_duplicate_share=0.5), tmp_path / "kept"
    fresh = load_corpus(config, kept)

    def reject(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(usable, "_read", reject)
    assert load_corpus(config, kept) == fresh
    assert load_corpus(replace(config, split_seed=1), kept).split != fresh.split
    for change in ({"near_duplicate_share": None}, {"clean": False}, {"keep_fields": ["X", "K"]}):
        with pytest.raises(AssertionError, match="read again"):
            load_corpus(replace(config, **change), kept)
    tunebook.write_text(tunebook.read_text() + "\nX:41\nT:New\nK:C\nCDEF|\n")
    with pytest.raises(AssertionError, match="read again"):
        load_corpus(config, kept)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tunes": []}'])
def test_a_broken_corpus_cache_is_ignored(content: str, tunebook: Path, tmp_path: Path) -> None:
    fresh = load_corpus(data_config(tunebook), tmp_path / "kept")
    (path,) = (tmp_path / "kept").glob("*.json")
    path.write_text(content)
    assert load_corpus(data_config(tunebook), tmp_path / "kept") == fresh
    assert path.read_text() != content


def test_latin_1_is_a_fallback_for_utf_8(tunebook: Path, tmp_path: Path) -> None:
    path = tmp_path / "latin.abc"
    path.write_bytes(tunebook.read_text().replace("Tune 1\n", "Bóthar\n").encode("latin-1"))
    assert any("T:Bóthar" in tune for tune in load_corpus(data_config(path)).tunes)


@pytest.mark.parametrize(
    ("names", "globs"), [(("a.abc", "b.abc"), ("", "*.abc")), (("A.ABC", "b.Abc"), ("", "*.abc", "?.ABC"))]
)
def test_a_path_can_be_a_folder_or_a_glob(names, globs, tunebook: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    tunes = tunebook.read_text().split("\n\n")
    for name, half in zip(names, (tunes[:20], tunes[20:]), strict=True):
        (folder / name).write_text("\n\n".join(half))
    for glob in globs:
        assert load_corpus(data_config(folder / glob)).tunes == load_corpus(data_config(tunebook)).tunes
    assert len(load_corpus(data_config(folder / "b*.abc")).tunes) == 20


def test_encodings_line_ends_and_joined_files_do_not_matter(tunebook: Path, tmp_path: Path) -> None:
    expected = load_corpus(data_config(tunebook)).tunes
    text = tunebook.read_text()
    tunes = text.split("\n\n")
    half, rest = "\n\n".join(tunes[:20]).rstrip(), "\n\n".join(tunes[20:])
    mark = b"\xef\xbb\xbf"
    for name, content in {
        "crlf": text.replace("\n", "\r\n").encode(),
        "doubled carriage returns": text.replace("\n", "\r\r\n").encode(),
        "dos": text.replace("\n", "\r\n").encode() + b"\x1a",
        "byte order mark": mark + text.encode(),
        "marks of joined files": mark + half.encode() + mark + rest.encode(),
        "marks in titles": text.replace("T:", "T:\ufeff").encode(),
        "headers of joined files": f"M:7/8\nL:1/2\n\n{half}\n%abc-2.1\n\n{rest}".encode(),
        "encodings": half.encode() + "\n\nX:99\nT:Bóthar\n".encode("latin-1") + mark + rest.encode(),
        "no blank lines": text.replace("\n\n", "\n").encode(),
        "comments": text.replace("|]", "|] % the end").encode(),
    }.items():
        path = tmp_path / f"{name}.abc"
        path.write_bytes(content)
        assert load_corpus(data_config(path)).tunes == expected, name


def test_a_file_header_applies_only_to_its_file(tunebook: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    tunes = [f"X:{number}\nT:t\nK:C\n{'CDEFGAB'[number % 7] * number}|" for number in range(1, 41)]
    (folder / "a.abc").write_text("L:1/4\nM:3/4\n\n" + "\n\n".join(tunes[:20]))
    (folder / "b.abc").write_text("\n\n".join(tunes[20:]))
    for clean in (True, False):
        read = load_corpus(data_config(folder, clean=clean)).tunes
        assert ["\nL:1/4\nM:3/4\n" in tune for tune in read] == [True] * 20 + [False] * 20


def test_key_meter_and_unit_distinguish_tunes(tunebook: Path) -> None:
    headers = ("M:4/4\nL:1/4\nK:C", "M:C\nL:1/4\nK:C major", "M:4/4\nL:1/4\nK:Am")
    headers += ("M:4/4\nL:1/4\nK:G", "M:2/4\nL:1/4\nK:C", "M:4/4\nL:1/8\nK:C")
    with tunebook.open("a") as file:
        file.writelines(f"\n\nX:{number}\n{header}\nCGEAFDB2|\n" for number, header in enumerate(headers))
    report = load_corpus(data_config(tunebook)).report
    assert (report.tunes_read, report.dropped, report.num_tunes) == (46, {"duplicate": 1}, 45)


def test_dropped_tunes_are_counted(tunebook: Path, tmp_path: Path) -> None:
    text = tunebook.read_text()
    path = tmp_path / "more.abc"
    path.write_text(
        text
        + "\n"
        + text.split("\n\n")[0]
        + "\n\nX:77\nT:no key\n\nX:78\nK:C\nzzzz|\n\nCDEF|GABc|\n"
        + "\nT:No number\nK:C\nCDEF|\n\nX:79\nK:C\nCDEF|\n%%begintext\nlost\n"
    )
    report = load_corpus(data_config(path)).report
    assert report.dropped == {
        "duplicate": 1,
        "without key": 1,
        "without notes": 1,
        "without X:": 1,
        "with an unclosed text block": 1,
    }
    assert (report.tunes_read, report.num_tunes, report.num_cut) == (45, 40, 1)
    assert "1 without X:, " in report.lines()[0] and "1 cut short" in report.lines()[0]


def test_held_out_unknown_characters_are_counted(tunebook: Path, tmp_path: Path) -> None:
    before = load_corpus(data_config(tunebook))  # without Ü, t and ü
    held_out = before.split.test[0]
    tunes = tunebook.read_text().split("\n\n")
    tunes[held_out] = tunes[held_out].replace("T:Tune", "T:Ütün")
    path = tmp_path / "strange.abc"
    path.write_text("\n\n".join(tunes))
    assert load_corpus(data_config(path)).report.unknown_characters == before.report.unknown_characters + 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"X:1\0\0\0", "is a binary file"),
        (b"words without a tune\n", "no tune found"),
        (b"X:1\nK:C\nCDEF|\n", "1 usable tunes are too few to split"),
    ],
)
def test_bad_corpus_files_are_rejected(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.abc"
    path.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        load_corpus(data_config(path))


def test_missing_files_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_corpus(data_config(tmp_path / "none.abc"))
    with pytest.raises(InputError, match="no matching .abc, .json, .csv or .zip file"):
        load_corpus(data_config(tmp_path / "*.abc"))


class Server:
    """Serves files by their paths, or the same content for any path, on the loopback address."""

    def __init__(self, content: bytes | Mapping[str, bytes]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = content if isinstance(content, bytes) else content.get(self.path)
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tunes.abc"

    def __enter__(self) -> "Server":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_download_is_verified_and_cached(
    tunebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MUSICGEN_DATA_DIR", raising=False)
    content = tunebook.read_bytes()
    with Server(content) as server:
        config = data_config(
            "tunes.abc", source="download", url=server.url, sha256=hashlib.sha256(content).hexdigest()
        )
        assert len(load_corpus(config).tunes) == 40
        with pytest.raises(InputError, match="has SHA-256 .* expected 0000"):
            load_corpus(replace(config, path="other.abc", sha256="0" * 64))
    assert not (tmp_path / "cache/musicgen/other.abc").exists()
    # Without the server, the cached file still works, and a missing one is an error.
    assert len(load_corpus(config).tunes) == 40
    with pytest.raises(InputError, match=r"cannot download .* MUSICGEN_DATA_DIR"):
        load_corpus(replace(config, path="other.abc"))


@pytest.mark.parametrize("path", ["/tmp/x", "../x", "a/../../x", "a\\x", "C:x", "..", "a\0b"])
def test_a_download_stays_in_the_cache(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a file name for the download in the cache"):
        data_config(path, source="download", url="https://example.org/x", sha256="0" * 64)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "data:,X", "ftp://example.org/x", "x", "https://", "//h/x"]
)
def test_a_download_comes_from_the_web(url: str) -> None:
    with pytest.raises(ValidationError, match="must start with https"):
        data_config("x.abc", source="download", url=url, sha256="0" * 64)


def test_a_url_has_no_password() -> None:
    with pytest.raises(ValidationError, match="must not contain a user name or password"):
        data_config("x.abc", source="download", url="https://me:secret@example.org/x", sha256="0" * 64)


def test_a_link_out_of_the_cache_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MUSICGEN_DATA_DIR", raising=False)
    (tmp_path / "cache" / "musicgen").mkdir(parents=True)
    (tmp_path / "cache" / "musicgen" / "a").symlink_to(tmp_path)
    config = data_config("a/x.abc", source="download", url="http://127.0.0.1:1/x", sha256="0" * 64)
    with pytest.raises(InputError, match="a link points outside the cache"):
        load_corpus(config)


def test_the_course_corpus(irish_folder: Path) -> None:
    raw = load_corpus(data_config(irish_folder / "irish.abc", clean=False))
    assert raw.report.tunes_read == 804
    assert raw.report.characters_read == 197_618
    assert len(set("".join(raw.tunes)) | {"\n"}) == 83
    assert raw.report.dropped == {"without notes": 2, "duplicate": 2}


def test_special_files_are_rejected_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.abc")
    (tmp_path / "loop.abc").symlink_to(tmp_path / "loop.abc")
    for path in (tmp_path / "pipe.abc", "/dev/zero", tmp_path / "loop.abc", tmp_path, "x" * 5000, "a/**b/*"):
        with pytest.raises(InputError, match="data.path=") as error:
            load_corpus(data_config(path))
        assert "\n" not in str(error.value)


def test_link_loops_are_read_once(tunebook: Path) -> None:
    (tunebook.parent / "again").symlink_to(tunebook.parent)
    os.mkfifo(tunebook.parent / "pipe.abc")
    assert load_corpus(data_config(tunebook.parent)).report.tunes_read == 40


def test_too_much_text_is_rejected_before_reading(tunebook: Path) -> None:
    with (tunebook.parent / "zeros.abc").open("wb") as file:
        file.truncate(10**10)
    for path in (tunebook.parent, tunebook.parent / "zeros.abc"):
        with pytest.raises(InputError, match=r"limit of 200 MB .* data.max_megabytes"):
            load_corpus(data_config(path))


def test_a_huge_tune_is_dropped(tunebook: Path) -> None:
    with tunebook.open("a") as file:
        file.write("\n\nX:99\nK:C\n" + "CDEF|" * 25_000)
    report = load_corpus(data_config(tunebook)).report
    assert report.dropped == {"longer than 100,000 characters": 1} and report.num_tunes == 40


def test_too_large_a_vocabulary_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "signs.abc"
    signs = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))
    path.write_text(
        "".join(
            f"X:{n}\nT:{signs[n * 500 : n * 500 + 500]}\nK:C\n{'CDEFGAB'[n % 7] * (n + 1)}\n\n"
            for n in range(40)
        )
    )
    with pytest.raises(InputError, match="different characters"):
        load_corpus(data_config(path))
