"""Studies in two stages from end to end: the first chooses changes, the second judges them on fresh seeds."""

from pathlib import Path

import pandas
import pytest

from musicgen.records.destination import CONFIRMATION
from musicgen.records.runs import find_runs
from tests.commands import TINY, last_line, run, start
from tests.processes import MAX_WAIT_SECONDS, kill_all, wait_until

STUDY = [
    *TINY,
    "tracker=none",
    "rendering=none",
    "rendering.plots=false",
    "sampling.num_tunes=4",
    "training.num_threads=1",
    "--multirun",
    "study.stages={confirm:2,seeds:2}",
    "training.num_iterations=20,60",
    "training.learning_rate=1e-4,2e-3,5e-3",
    "sampling.temperature=0.7,1.0",
    "model.dropout=0.0,0.001",
    "seed=0,1",
]
