import csv
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.records.runs import FoundRun
from musicgen.run.resample import prompts_of
from musicgen.sampling.generation import spread
from tests.records.made_runs import made_run
from tests.sampling.test_generation import CONFIG


@pytest.mark.parametrize("num_tunes", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("prompts", [["a"], ["a", "b"], ["a", "a", "b"], ["a", "b", "a", "b"]])
@pytest.mark.parametrize("temperatures", [[1.0], [0.5, 1.0]])
def test_prompts_from_a_file_are_recovered(
    num_tunes: int, prompts: list[str], temperatures: list[float], tmp_path: Path
) -> None:
    config = replace(CONFIG, num_tunes=num_tunes, temperature=temperatures)
    dealt = spread(config, prompts)
    with (tmp_path / "tunes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "temperature"), *dealt])
    found = prompts_of(FoundRun(tmp_path, made_run().record), len(temperatures))
    assert spread(config, found) == dealt
