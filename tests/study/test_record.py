import json
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.study.record import RunRecord


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


def test_nan_is_not_written_and_the_older_record_stays(tmp_path: Path) -> None:
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
        (None, "no run directory"),
        ("{", "cannot be read"),
        ("\xff", "cannot be read"),
        ("[]", "no record of a run"),
        ("{}", "schema_version None"),
        ('{"schema_version": 1, "name": "other"}', "no record of a run"),
    ],
)
def test_a_folder_without_a_good_record_is_refused(
    content: str | None, complaint: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=complaint):
        RunRecord.read(tmp_path)
