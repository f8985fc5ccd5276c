"""Archives from somebody else are checked before Comet's sender obeys them."""

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.tracking import archive as archives
from musicgen.tracking.archive import EXPERIMENT, MESSAGES, problem_of
from musicgen.tracking.outbox import find_archives, is_sent

UPLOAD = {"type": "file_upload", "payload": {"file_path": "tmp1", "upload_type": "asset"}}


def write(path: Path, messages: list[object], files: dict[str, bytes] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr(EXPERIMENT, "{}")
        content.writestr(MESSAGES, "".join(json.dumps(one) + "\n" for one in messages))
        for name, data in ({"tmp1": b"sound"} if files is None else files).items():
            content.writestr(name, data)
    return path


def naming(path: object) -> dict[str, object]:
    return {**UPLOAD, "payload": {"file_path": path}}


def test_an_archive_written_by_comet_is_accepted(tmp_path: Path) -> None:
    assert problem_of(write(tmp_path / "a.zip", [UPLOAD, {"type": "metric_msg", "payload": {}}])) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        *(
            (naming(path), "names a file that it does not contain")
            for path in ("/etc/passwd", "../a", "tmp2", None, 1, ["tmp1"])
        ),
        (naming(EXPERIMENT), "names a file that it does not contain"),
        ({"type": "3d_cloud", "payload": {"items": []}}, "has a message that this program does not write"),
        ({"type": "remote_file", "payload": {}}, "has a message that this program does not write"),
        ({"type": ["file_upload"], "payload": {}}, "has a message that this program does not write"),
        ([], "has a message that this program does not write"),
        ({"type": "ws_msg", "payload": None}, "without content"),
    ],
)
def test_messages_that_name_other_files_are_refused(message: object, reason: str, tmp_path: Path) -> None:
    assert reason in str(problem_of(write(tmp_path / "a.zip", [UPLOAD, message])))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "C:x", "..", "a\\b", "-\n-", "x" * 300])
def test_members_outside_the_archive_are_refused(name: str, tmp_path: Path) -> None:
    assert "names a file outside it" in str(problem_of(write(tmp_path / "a.zip", [], {name: b"x"})))


def test_links_bombs_and_duplicates_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.zip", [])
    with zipfile.ZipFile(path, "a") as content:
        info = zipfile.ZipInfo("tmp2")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        content.writestr(info, "/etc/passwd")
    assert "other than a file: 'tmp2'" in str(problem_of(path))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(write(path, []), "a") as content:
        content.writestr("tmp1", b"other")
    assert "two files with the same name" in str(problem_of(path))
    monkeypatch.setattr(archives, "EXTRA_BYTES", 2**10)
    assert "would unpack to 1 MiB" in str(problem_of(write(path, [], {"tmp1": bytes(2**20)})))


@pytest.mark.parametrize("damage", [lambda text: text[:50], lambda _: b"PK", lambda _: b""])
def test_a_damaged_archive_gives_a_reason(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", [])
    path.write_bytes(damage(path.read_bytes()))
    assert "is incomplete" in str(problem_of(path))
    path = write(tmp_path / "b.zip", [])
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as content:
        content.writestr(EXPERIMENT, "[" * 100_000)
    assert problem_of(path)


def test_links_to_archives_are_not_sent(tmp_path: Path) -> None:
    own = write(tmp_path / "run" / "comet" / "a.zip", [])
    (own.parent / "b.zip").symlink_to(write(tmp_path / "elsewhere.zip", []))
    assert find_archives([tmp_path / "run"]) == [own] and "is a link" in str(problem_of(own.parent / "b.zip"))


@pytest.mark.parametrize("notes", ['{"a.zip": {"sent_at": 1}}', "[]", "[" * 5000, '{"a.zip": null}', "\xff"])
def test_damaged_notes_of_uploads_are_one_line(notes: str, tmp_path: Path) -> None:
    path = write(tmp_path / "comet" / "a.zip", [])
    (path.parent / "uploads.json").write_text(notes, encoding="latin-1")
    with pytest.raises(InputError, match=r"uploads\.json: cannot be read") as refusal:
        is_sent(path)
    assert "\n" not in str(refusal.value)
