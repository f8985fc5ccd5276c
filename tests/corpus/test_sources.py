"""Downloads: of tables, of several files, and by the name of a Git object."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from musicgen.corpus.config import DataConfig
from musicgen.corpus.sources import is_at_hand, read_source
from musicgen.corpus.tunebook import read_tunebook
from musicgen.errors import InputError
from tests.corpus.test_corpus import Server, data_config

FILES = {"a.abc": b"X:1\nK:C\nCDE|\n", "b.abc": b"X:2\nK:G\nGAB|\n"}
JSON = json.dumps([{"abc": "CDE|", "mode": "C"}]).encode()


def download(path: str, url: str, content: bytes, **changes: object) -> DataConfig:
    values = {"source": "download", "url": url, "sha256": hashlib.sha256(content).hexdigest(), **changes}
    return data_config(path, **values)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloads."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MUSICGEN_DATA_DIR", raising=False)
    return tmp_path / "cache/musicgen"


def test_a_downloaded_table_is_read_like_a_file(cache: Path) -> None:
    with Server(JSON) as server:
        config = download("mine/tunes.json", server.url, JSON)
        assert not is_at_hand(config)
        assert read_tunebook(read_source(config)).tunes == ["X:1\nL:1/8\nK:C\nCDE|"]
    assert is_at_hand(config) and (cache / "mine/tunes.json").read_bytes() == JSON


def test_one_address_can_name_several_files(cache: Path) -> None:
    with Server({f"/books/{name}": content for name, content in FILES.items()}) as server:
        url = server.url.replace("tunes.abc", "books/{a,b}.abc")
        config = download("mine", url, b"".join(FILES.values()))
        assert len(read_tunebook(read_source(config)).tunes) == 2
        with pytest.raises(
            InputError, match=r"cannot download .*/c.abc .* put mine/ with the 2 files of data.url into"
        ):
            read_source(replace(config, url=url.replace("b}", "c}")))
        with pytest.raises(InputError, match="has SHA-256"):
            read_source(replace(config, path="other", url=url.replace("a,b", "b,a")))
    assert {path.name for path in cache.rglob("*.abc")} == set(FILES)
    # Without the server, the cached files still work, unless one of them changes or is gone.
    assert len(read_tunebook(read_source(config)).tunes) == 2
    (cache / "mine/b.abc").write_text("X:2\nK:G\nGAA|\n")
    with pytest.raises(InputError, match=r"mine/a.abc, .*mine/b.abc has SHA-256"):
        read_source(config)
    (cache / "mine/b.abc").unlink()
    assert not is_at_hand(config)


def test_several_files_may_lie_in_the_data_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSICGEN_DATA_DIR", str(tmp_path))
    (tmp_path / "mine").mkdir()
    for name, content in FILES.items():
        (tmp_path / "mine" / name).write_bytes(content)
    config = download("mine", "http://127.0.0.1:1/{a,b}.abc", b"".join(FILES.values()))
    assert len(read_tunebook(read_source(config)).tunes) == 2 and not cache.exists()


def test_several_files_keep_the_limit_together(cache: Path) -> None:
    content = b"X:1\n" * 150_000
    with Server(content) as server:
        config = download("mine", server.url.replace("tunes", "{a,b}"), content * 2, max_megabytes=1)
        with pytest.raises(InputError, match="b.abc sends more than 1 MB"):
            read_source(config)
    assert not cache.exists()


def test_a_path_in_braces_names_several_files(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    several = data_config(str(tmp_path / "{b,a,b}.abc"))
    assert [tune[:3] for tune in read_tunebook(read_source(several)).tunes] == ["X:2", "X:1"]
    (tmp_path / "{b,a,b}.abc").write_bytes(FILES["a.abc"])
    assert read_source(several) == FILES["a.abc"].decode()
    with pytest.raises(InputError, match="no such file or folder"):
        read_source(data_config(str(tmp_path / "{a,c}.abc")))


def test_a_git_object_name_verifies_a_download(cache: Path) -> None:
    # `git hash-object` prints this name.
    name = "81108df6d736f82f8f18b83a142d3ba457a6e0f3"
    with Server(FILES["a.abc"]) as server:
        config = download("a.abc", server.url, b"", sha256=None, git_blob=name)
        assert len(read_tunebook(read_source(config)).tunes) == 1
        with pytest.raises(InputError, match=f"has Git object name {name}, expected 0000"):
            read_source(replace(config, path="b.abc", git_blob="0" * 40))
    assert [path.name for path in cache.iterdir()] == ["a.abc"]


@pytest.mark.parametrize(
    "digests",
    [{"sha256": None}, {"sha256": "0" * 64, "git_blob": "0" * 40}, {"sha256": None, "git_blob": "0"}],
)
def test_a_download_has_one_digest(digests: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="needs url and sha256, or url and git_blob|40"):
        download("x.abc", "https://example.org/x", b"", **digests)
