from pathlib import Path

import pytest

from musicgen.tracking.history import HistoryFile
from tests.full_disk import files_end_at


def test_rows_are_readable_while_the_training_runs(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    row = {
        "iteration": 10,
        "train_loss": 2.5,
        "validation_loss": None,
        "learning_rate": 0.1,
        "tokens_per_second": 9.0,
    }
    with HistoryFile(path) as history:
        history.write(row)
        assert path.read_text() == (
            "iteration,train_loss,validation_loss,learning_rate,tokens_per_second\n10,2.5,,0.1,9.0\n"
        )
        history.write(row)
    assert len(path.read_text().splitlines()) == 3


def test_a_full_disk_leaves_no_half_row(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    names = ("iteration", "train_loss", "validation_loss", "learning_rate")
    row: dict[str, float | None] = dict.fromkeys(names, 0.125)
    with HistoryFile(path) as history:
        history.write(row)
        whole = path.read_text()
        with pytest.raises(OSError, match=r"history\.csv"), files_end_at(path.stat().st_size + 5):
            history.write(row)
        assert path.read_text() == whole and whole.endswith("0.125,0.125,0.125,0.125,\n")
