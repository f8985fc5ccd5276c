from pathlib import Path

from musicgen.tracking.history import HistoryFile


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
