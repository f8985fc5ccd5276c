"""Trackers by name: several at once, and those that installed packages offer."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen.config import compose_config
from musicgen.errors import InputError
from musicgen.records.record import RunRecord
from musicgen.records.runs import read_rows
from musicgen.system import extensions
from musicgen.tracking.config import COMET, TENSORBOARD
from musicgen.tracking.tracker import TrackedRun, Tracker, Trackers
from musicgen.tracking.trackers import check_trackers, openers
from tests.commands import TINY, last_line
from tests.made_packages import install, install_documented
from tests.tracking.made_trackers import tracking_with


def test_both_built_in_trackers_get_a_run(tmp_path: Path) -> None:
    config = compose_config(["tracker=[comet,tensorboard]"]).tracker
    assert config.log_to == {COMET: True, TENSORBOARD: True}
    both = Trackers(openers(config, TrackedRun(tmp_path, "name")))
    both.log_metrics({"fit/train_loss": 1.0}, iteration=10)
    outcome = both.end()
    assert outcome.keys() == {COMET, TENSORBOARD} and not any("error" in one for one in outcome.values())
    assert (tmp_path / str(outcome[COMET]["archive"])).is_file()
    assert list((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("words", "used"),
    [
        ([], [COMET]),
        (["tracker=none"], []),
        (["tracker=tensorboard"], [TENSORBOARD]),
        (["tracker.log_to.tensorboard=true"], [COMET, TENSORBOARD]),
        (["experiment=smoke", "tracker=tensorboard"], [TENSORBOARD]),
        (["tracker=[offline,tensorboard]"], [COMET, TENSORBOARD]),
    ],
)
def test_a_group_or_a_field_chooses_trackers(words: list[str], used: list[str]) -> None:
    log_to = compose_config(words).tracker.log_to
    assert [name for name, is_used in log_to.items() if is_used] == used


def test_a_package_is_called_with_the_run(tmp_path: Path, packages: Path) -> None:
    code = """
from musicgen.tracking.tracker import Tracker
class Mine(Tracker):
    def __init__(self, run):
        self.run = run
    @property
    def started(self):
        return {"folder": self.run.directory}
"""
    install(packages, "mine_of_a_test", code, mine="mine_of_a_test:Mine")
    config = compose_config(["+tracker.log_to.mine=true", "tracker=none"]).tracker
    run = TrackedRun(tmp_path, "name", ("tag",), {"seed": 0}, is_of_sweep=True)
    opened = openers(config, run)["mine"]()
    assert vars(opened) == {"run": run}
    # run.json holds text.
    assert Trackers(openers(config, run)).started == {"mine": {"folder": str(tmp_path)}}


def test_a_file_of_the_users_chooses_a_package(tmp_path: Path, packages: Path) -> None:
    install(packages, "mine_of_a_test", "def begin(run): ...", mine="mine_of_a_test:begin")
    (tmp_path / "conf" / "tracker").mkdir(parents=True)
    (tmp_path / "conf" / "tracker" / "mine.yaml").write_text("log_to: {mine: true}\n", encoding="utf-8")
    path = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    log_to = compose_config([path, "tracker=[tensorboard,mine]"]).tracker.log_to
    assert log_to == {COMET: False, TENSORBOARD: True, "mine": True}


def test_an_unknown_tracker_is_one_line(packages: Path) -> None:
    install(packages, "mine_of_a_test", "def begin(run): ...", mine="mine_of_a_test:begin")
    with pytest.raises(InputError) as error:
        compose_config(["+tracker.log_to.yours=true"])
    assert str(error.value) == (
        "tracker.log_to.yours: no such tracker; installed are comet, tensorboard, mine"
    )
    assert compose_config(["+tracker.log_to.yours=false"]).tracker.log_to["yours"] is False


@pytest.mark.parametrize(
    ("code", "value", "complaint"),
    [
        ("import no_such_module", "broken:A", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('two\\nlines')", "broken:A", "RuntimeError: two\\nlines"),
        ("", "broken:A", "has no attribute 'A'"),
        ("", "missing_module:A", "No module named 'missing_module'"),
        ("A = 1", "broken:A", "broken:A is not a function or a class"),
    ],
)
def test_a_broken_package_is_one_line(packages: Path, code: str, value: str, complaint: str) -> None:
    install(packages, "broken", code, mine=value)
    with pytest.raises(InputError) as error:
        check_trackers(tracking_with(mine=True))
    assert str(error.value).startswith("tracker.log_to.mine: ") and complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_tracker_is_switched_off(
    tmp_path: Path, packages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(packages, "mine_of_a_test", "def begin(run): ...", mine="mine_of_a_test:begin")
    opened = Trackers(openers(tracking_with(mine=True, tensorboard=True), TrackedRun(tmp_path, "name")))
    outcome = opened.end()
    assert outcome["mine"] == {"error": "start: the entry point returns a NoneType, which is not a Tracker"}
    assert outcome[TENSORBOARD] == {"folder": "tensorboard"}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_tracker_whose_outcome_is_no_json_is_reported() -> None:
    class Endless(Tracker):
        def end(self) -> dict[str, object]:
            return {"loss": float("nan")}

    assert "not JSON compliant" in str(Trackers({"endless": Endless}).end()["endless"]["error"])


def test_only_a_name_that_is_not_built_in_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(extensions, "entry_points", refuse)
    extensions._installed.cache_clear()
    check_trackers(tracking_with(comet=True, tensorboard=True, mine=False))
    with pytest.raises(AssertionError):
        check_trackers(tracking_with(mine=True))


@pytest.mark.slow
def test_the_tracker_in_the_docs_tracks_a_run(tmp_path: Path, tunebook: Path) -> None:
    installed = install_documented(tmp_path)
    place = [f"data.path={tunebook}", f"paths.outputs={tmp_path / 'outputs'}"]
    quick = ["rendering=none", "rendering.plots=false", "sampling.num_tunes=2"]
    command = [sys.executable, "-m", "musicgen.train", *TINY, *place, *quick]
    command.append("+tracker.log_to.json_lines=true")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), str(Path.cwd())])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    directory = last_line(done)
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text("utf-8").splitlines()]
    history = {
        int(row["iteration"]): float(row["train_loss"]) for row in read_rows(directory / "history.csv")
    }
    assert {row["iteration"]: row["fit/train_loss"] for row in rows if row["iteration"]} == history != {}
    assert any("validity/sound_rate" in row for row in rows)
    outcome = RunRecord.read(directory).tracker
    assert outcome["json_lines"] == {"file": "metrics.jsonl"} and set(outcome) == {COMET, "json_lines"}
