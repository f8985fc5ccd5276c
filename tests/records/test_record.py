import json
import math
import os
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.metrics.registry import METRICS, Direction, limits_of
from musicgen.records.record import MAX_BYTES, RunRecord
from tests.soak.fuzzing import runs as fuzzed
from tests.soak.hostile import records


def record() -> RunRecord:
    return RunRecord(
        run_id="r",
        training_id="t",
        status="complete",
        seed=3,
        config={"seed": 3},
        command="python -m musicgen.train seed=3",
        corpus={"name": "oneills"},
        weights="../store/t/end-000100.pt",
        metrics={"fit/test_loss": 1.25, "validity/bar_rate": None},
        reasons={"validity/bar_rate": "no bars"},
    )


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record().write(tmp_path)
    assert RunRecord.read(tmp_path) == record()
    assert json.loads((tmp_path / "run.json").read_text())["schema_version"] == 1


@pytest.mark.usefixtures("packages")
def test_metrics_that_a_record_declares_are_known_to_tables(tmp_path: Path) -> None:
    written = record()
    about = {"better": "lower", "meaning": "share of something", "limits": [0.0, None]}
    written.outside_metrics = {"own/mine": about}
    written.write(tmp_path)
    assert RunRecord.read(tmp_path) == written
    assert METRICS["own/mine"].direction is Direction.LOWER and limits_of("own/mine") == (0, math.inf)
    sound = METRICS["validity/sound_rate"]
    for name, wrong in (
        ("validity/sound_rate", {}),
        ("own/other", {"better": "good"}),
        ("own/other", {"meaning": "two\nlines"}),
        ("own/other", {"limits": [0.0]}),
        ("own/other", {"code": "x"}),
    ):
        written.outside_metrics = {name: {**about, **wrong}}
        written.write(tmp_path)
        with pytest.raises(InputError, match="is not the record of a run"):
            RunRecord.read(tmp_path)
    assert METRICS["validity/sound_rate"] is sound and "own/other" not in METRICS


def test_nan_is_refused_and_the_old_record_stays(tmp_path: Path) -> None:
    record().write(tmp_path)
    broken = record()
    broken.metrics["fit/test_loss"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.write(tmp_path)
    assert RunRecord.read(tmp_path) == record()
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "not a run directory"),
        ("{", "cannot be read"),
        ("\xff", "cannot be read"),
        ("[]", "not the record of a run"),
        ("{}", "schema_version None"),
        ('{"schema_version": 1, "name": "other"}', "not the record of a run"),
        ('"text"', "not the record of a run"),
        ('{"schema_version": 7}', "schema_version 7"),
    ],
)
def test_a_folder_without_a_good_record_is_refused(
    content: str | None, complaint: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=complaint):
        RunRecord.read(tmp_path)


def good_record() -> bytes:
    return fuzzed.seeds()[0].split(fuzzed.SEPARATOR)[0]


@pytest.mark.parametrize("name", records.VALUES)
def test_a_wrong_value_is_refused(name: str, tmp_path: Path) -> None:
    content = records.changed(good_record(), records.VALUES[name])
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match="run.json: ") as refusal:
        RunRecord.read(tmp_path)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("name", records.TEXTS)
def test_other_content_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(records.TEXTS[name])
    with pytest.raises(InputError, match="run.json: "):
        RunRecord.read(tmp_path)


def test_a_pipe_or_a_huge_record_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(InputError, match="is not a regular file"):
        RunRecord.read(tmp_path)
    (tmp_path / "run.json").unlink()
    with (tmp_path / "run.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="larger than the limit of 16 MiB"):
        RunRecord.read(tmp_path)


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(good_record())
    assert isinstance(RunRecord.read(tmp_path).timing["trained_iterations"], int)
