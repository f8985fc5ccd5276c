from pathlib import Path

import pytest

from musicgen.run.execute import stored_training


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "outputs" / "store" / "abc"


ABOUT = {"trained_at": "2026-11-29T12:00:00+00:00", "trained_by": "../../runs/first"}


def test_weights_from_the_store_name_their_run_and_date(folder: Path) -> None:
    assert stored_training(ABOUT, folder, 300, 300) == (
        "weights from the store: trained on 2026-11-29 by outputs/runs/first, 0 iterations trained now"
    )


def test_a_training_that_resumes_says_from_where(folder: Path) -> None:
    assert stored_training(ABOUT, folder, 200, 300) == (
        "resuming from iteration 200 of 300 in the store, trained on 2026-11-29 by outputs/runs/first"
    )


def test_a_store_of_an_earlier_version_names_nobody(folder: Path) -> None:
    line = stored_training({"run_id": "x"}, folder, 300, 300)
    assert line == "weights from the store: trained before, 0 iterations trained now"


def test_a_strangers_store_cannot_write_to_the_terminal(folder: Path) -> None:
    line = stored_training({"trained_at": "\x1b[2J", "trained_by": "a\nb"}, folder, 300, 300)
    assert line.isprintable()
