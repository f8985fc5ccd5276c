from pathlib import Path

import pytest

from tests.soak import crashes, scenes
from tests.soak.disks import CannotMountError, mounted
from tests.soak.intact_files import damaged


@pytest.mark.slow
def test_a_run_recovers_from_a_kill_and_from_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ("training.num_iterations=60", "rendering.plots=false")
    monkeypatch.setattr(scenes, "TINY", (*scenes.TINY, *short))
    kinds, missing = ["kills", "full"], ""
    try:
        with mounted(tmp_path / "try"):
            pass
    except CannotMountError as error:
        kinds, missing = ["kills"], f"recovered from a kill, but no disk can be mounted here: {error}"
    # One call, so that both are compared with the same undisturbed run.
    place = ["--folder", str(tmp_path), "--seed", "1", "--commands", "train", "--number", "1"]
    assert crashes.main([*place, "--kinds", *kinds]) == 0
    if missing:
        pytest.skip(missing)


def test_a_half_written_file_is_detected(tmp_path: Path) -> None:
    intact = {
        "run.json": "{}\n",
        "history.csv": "a,b\n1,2\n",
        "findings.jsonl": '{"a": 1}\n',
        "page.html": "</html>\n",
    }
    for name, text in intact.items():
        (tmp_path / name).write_text(text)
    assert damaged(tmp_path) == []
    for name, text in intact.items():
        (tmp_path / name).write_text(text[:-2])
    assert [line.partition(":")[0] for line in damaged(tmp_path)] == sorted(intact)
