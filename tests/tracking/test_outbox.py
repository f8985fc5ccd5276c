"""Uploads to a stand-in for Comet's server, which keeps what it receives and fails on request."""

import json
import tempfile
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.tracking.archive import experiment_key
from musicgen.tracking.comet import CometTracker
from musicgen.tracking.outbox import Upload, find_archives, is_sent, send_all
from tests.soak.comet_server import KEY, CometServer, Fault, comet_server
from tests.tracking.test_comet import CONFIG


def write_archive(directory: Path, name: str, continues: str | None = None) -> Path:
    """Write the archive of an experiment, or of an addition to one, with two points of a curve and a file."""
    directory.mkdir(exist_ok=True)
    tracker = CometTracker(CONFIG, directory / "comet", name, [name], continues=continues)
    for iteration, loss in ((10, 2.5), (20, 1.5)):
        tracker.log_metrics({"fit/train_loss": loss}, iteration=iteration)
    file = directory / f"{name}.csv"
    file.write_text(f"{name}\n" * 1000, encoding="utf-8")
    tracker.log_file(file)
    return directory / str(tracker.end()["archive"])


def send(
    archives: list[Path], server: CometServer, monkeypatch: pytest.MonkeyPatch, timeout_seconds: float = 200.0
) -> list[Upload]:
    server.give_to(monkeypatch)
    # Comet would retry for 15 seconds; these tests need only one failure.
    for name in ("GET_OR_ADD_EXPERIMENT_RETRY_TOTAL", "HTTP_SESSION_RETRY_TOTAL"):
        monkeypatch.setenv(f"COMET_{name}", "0")
    return list(send_all(archives, timeout_seconds))


def entries(archive: Path) -> dict:
    return json.loads((archive.parent / "uploads.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_everything_is_sent_once_and_experiments_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_archive(tmp_path / "run", "first")
    addition = write_archive(tmp_path / "another", "note", continues=archive.stem)
    archives = find_archives([tmp_path])
    assert archives == [archive, addition]
    with comet_server() as server:
        sent = send(archives, server, monkeypatch)
        assert [upload.state for upload in sent] == ["sent", "sent"]
        assert sent[0].url is not None and sent[0].url.endswith(f"/work/project/{archive.stem}")
        assert [upload.state for upload in send(archives, server, monkeypatch)] == ["sent before"] * 2
    ((key, experiment),) = server.experiments.items()
    assert key == archive.stem == experiment_key(addition) and experiment.is_ended
    assert set(experiment.tags) == {"always", "first"}
    assert [(value, step) for name, value, step in experiment.metrics if name == "fit/train_loss"] == [
        (2.5, 10),
        (1.5, 20),
    ] * 2
    assert [name for name, _ in experiment.files] == ["first.csv", "note.csv"]
    assert experiment.files[0][1] == (tmp_path / "run" / "first.csv").read_bytes()
    assert is_sent(archive) and is_sent(addition)
    assert entries(archive)[archive.name]["url"] == sent[0].url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "complaint"),
    [("status 429 at files", "Comet lacks 1 of its 1 files"), ("hangs at files", "no answer within 4 s")],
)
def test_a_partial_upload_is_completed_in_the_same_experiment(
    fault: Fault, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_archive(tmp_path / "run", "first")
    # Not the shared folder: another test may be sending at the same time.
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with comet_server(fault) as server:
        (failed,) = send([archive], server, monkeypatch, 4.0 if fault == "hangs at files" else 200.0)
        assert failed.state == "not sent" and complaint in str(failed.error)
        assert not is_sent(archive) and entries(archive)[archive.name]["error"] == failed.error
        server.fault = "none"
        (sent,) = send([archive], server, monkeypatch)
    assert sent.state == "sent" and len(server.experiments) == 1
    assert [name for name, _ in server.experiments[archive.stem].files] == ["first.csv"]
    steps = [step for name, _, step in server.experiments[archive.stem].metrics if name == "fit/train_loss"]
    assert steps == [10, 20]
    assert not [path for path in temporary.iterdir() if path.name.startswith("musicgen-upload-")]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["unknown key", "status 401"])
def test_a_refused_key_is_tried_once_and_not_shown(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = [write_archive(tmp_path / name, name) for name in ("first", "second")]
    with comet_server(fault) as server:
        first, second = send(archives, server, monkeypatch)
    assert (first.state, second.state) == ("not sent", "not tried") and "the key" in str(first.error)
    assert KEY not in str(first.error) and server.num_requests == 1


def test_after_repeated_failures_the_rest_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = [write_archive(tmp_path / name, name) for name in ("a", "b", "c")]
    addition = write_archive(tmp_path / "a", "note", continues=archives[0].stem)
    with comet_server("hangs") as server:
        first, second, third, last = send([*archives, addition], server, monkeypatch, 0.1)
    assert first.error == second.error == "no answer within 0.1 s"
    assert third.state == last.state == "not tried" and "2 failures in a row" in str(third.error)
    assert entries(archives[1]) and not (archives[2].parent / "uploads.json").exists()


@pytest.mark.slow
def test_an_experiment_that_was_not_sent_from_here_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_archive(tmp_path / "run", "first")
    with comet_server() as server:
        _ = server.experiments[archive.stem]
        (known,) = send([archive], server, monkeypatch)
    assert known.state == "not sent" and "was not sent from here" in str(known.error)
    assert not server.experiments[archive.stem].files


@pytest.mark.slow
def test_damaged_archives_do_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = [write_archive(tmp_path / name, name) for name in ("a", "b", "c")]
    for damaged in archives[:2]:
        damaged.write_bytes(damaged.read_bytes()[:-100])
    with comet_server() as server:
        first, second, third = send(archives, server, monkeypatch)
    assert (first.state, second.state, third.state) == ("not sent", "not sent", "sent")
    assert "the archive is incomplete" in str(first.error)


def test_running_runs_have_nothing_to_send(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    tracker = CometTracker(CONFIG, tmp_path / "run" / "comet", "name", [])
    assert list((tmp_path / "run" / "comet").glob("*.zip")) and not find_archives([tmp_path])
    tracker.end()
    assert len(find_archives([tmp_path, tmp_path / "run", tmp_path / "run" / "comet"])) == 1


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_archives([tmp_path / "nowhere"])
    archive = write_archive(tmp_path / "run", "first")
    (archive.parent / "uploads.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"uploads\.json: cannot be read"):
        is_sent(archive)
