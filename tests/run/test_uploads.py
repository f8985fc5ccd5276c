"""The background process of a command, and what the command's last line says about it."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from musicgen.records.record import RunRecord
from musicgen.run import uploads
from musicgen.run.uploads import LOG_NAME, describe_upload, follow_in_background, upload_in_background
from tests.processes import MAX_WAIT_SECONDS, wait_until
from tests.records.made_runs import made_run
from tests.run.test_live import Training, iterations_on
from tests.soak.comet_server import KEY, CometServer, comet_server
from tests.tracking.test_comet import CONFIG

LIVE = replace(CONFIG, mode=None, upload_timeout_seconds=300.0)


def followed(directory: Path, server: CometServer) -> Training:
    """A run in a followed directory, of which the server has got the first row."""
    follow_in_background(directory, LIVE)
    run = Training(directory / "run")
    run.step(10)
    wait_until(lambda: iterations_on(run.shown_by(server)) == [10])
    return run


@pytest.mark.slow
def test_a_command_is_followed_and_its_last_step_sends_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with comet_server() as server:
        server.give_to(monkeypatch)
        run = followed(tmp_path, server)
        line = describe_upload(tmp_path, Path("sweep"))
        run.step(20)
        run.end()
        process = upload_in_background(tmp_path, LIVE)
        assert process is not None and process.wait(MAX_WAIT_SECONDS) == 0
        experiment = run.shown_by(server)
    assert experiment is not None and iterations_on(experiment) == [10, 20] and experiment.is_ended
    project = server.url.replace("clientlib", "work") + "project"
    assert line == f"comet:   being sent to {project}; progress: sweep/{LOG_NAME}"
    assert describe_upload(run.directory, Path("run")).startswith(f"comet:   sent to {server.url[:17]}")
    assert str((RunRecord.read(run.directory).comet or {})["url"]).endswith(run.archive.stem)


@pytest.mark.slow
def test_a_killed_follower_is_replaced_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with comet_server() as server:
        server.give_to(monkeypatch)
        run = followed(tmp_path, server)
        follower = uploads._followers[tmp_path]
        assert follower is not None
        follower.kill()
        follower.wait()
        run.step(20)
        run.end()
        process = upload_in_background(tmp_path, LIVE)
        assert process is not None and process is not follower and process.wait(MAX_WAIT_SECONDS) == 0
    experiment = run.shown_by(server)
    assert experiment is not None and iterations_on(experiment) == [10, 20] and experiment.is_ended


@pytest.mark.parametrize(
    ("tracker", "command", "line"),
    [
        ({"log_to": {"comet": False}}, "tracker=none", "comet:   off (tracker=none)"),
        (
            {"mode": "offline"},
            "experiment=smoke",
            "comet:   kept in sweep (experiment=smoke); to send it: musicgen upload sweep",
        ),
        (
            {"mode": "offline"},
            "",
            "comet:   kept in sweep (tracker.mode=offline); to send it: musicgen upload sweep",
        ),
        (
            {"mode": "live"},
            "",
            "comet:   kept in sweep (Comet has no key: set COMET_API_KEY, or run `comet login`); "
            "to send it: musicgen upload sweep",
        ),
    ],
)
def test_the_last_line_says_what_keeps_a_run_from_comet(
    tracker: dict[str, object], command: str, line: str, tmp_path: Path
) -> None:
    record = made_run(tmp_path).record
    record.config = {**record.config, "tracker": {**asdict(CONFIG), **tracker}}
    record.command = f"python -m musicgen.train {command}"
    record.write(tmp_path)
    assert describe_upload(tmp_path, Path("sweep")) == line


def test_comets_own_switch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", KEY)
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    record = made_run(tmp_path).record
    record.config = {**record.config, "tracker": asdict(LIVE)}
    record.write(tmp_path)
    assert describe_upload(tmp_path, Path("run")) == (
        "comet:   kept in run (COMET_START_ONLINE); to send it: musicgen upload run"
    )


def test_an_archive_that_was_not_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", KEY)
    record = made_run(tmp_path).record
    record.config = {**record.config, "tracker": asdict(LIVE)}
    record.tracker = {"comet": {"error": "end: no space"}}
    record.write(tmp_path)
    assert describe_upload(tmp_path, Path("run")) == (
        "comet:   no archive (end: no space); to write it again and send it: musicgen upload run"
    )
