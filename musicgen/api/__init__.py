"""What `import musicgen` offers to notebooks and scripts.

Names, parameters and errors stay as they are in later versions, or CHANGELOG.md says otherwise. Other modules
of the package may change at any time. Functions print nothing, except that `train` and `train_sweep` pass on
what the command prints. Bad input raises InputError, whose message is the line that the commands print.
"""

from musicgen.api.measuring import evaluate, judge, measure
from musicgen.api.renderings import PianoRoll, Score, Sound
from musicgen.api.runs import Run, compare, load_run, load_runs
from musicgen.api.sampling import sample
from musicgen.api.training import train, train_sweep
from musicgen.api.tunes import Tunes
from musicgen.errors import InputError

__all__ = [
    "InputError",
    "PianoRoll",
    "Run",
    "Score",
    "Sound",
    "Tunes",
    "compare",
    "evaluate",
    "judge",
    "load_run",
    "load_runs",
    "measure",
    "sample",
    "train",
    "train_sweep",
]
