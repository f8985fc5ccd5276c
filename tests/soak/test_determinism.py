"""What is equal between circumstances, of one pair of runs: see tests/soak/determinism.py."""

from pathlib import Path

import pytest

from tests.soak.determinism import Row, Trials
from tests.soak.results import results

KINDS = {"run.json", "weights", "losses", "tunes", "MIDI", "audio .ogg", "scores", "piano rolls", "figures"}


@pytest.mark.slow
def test_a_run_does_not_depend_on_place_time_or_hash_seed(tmp_path: Path) -> None:
    trials = Trials(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    here = results(trials.do("here", environment={"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}))
    there = trials.do(
        "there",
        environment={"PYTHONHASHSEED": "2", "TZ": "America/Lima", "LC_ALL": "C", "OMP_NUM_THREADS": "2"},
        cwd=elsewhere,
        outputs="relative",
    )
    row = Row.of("surroundings", "all at once", here, results(there))
    assert row.differs == {} and set(row.equal) == KINDS
