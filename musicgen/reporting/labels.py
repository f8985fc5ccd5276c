"""What runs and arms are called: by what makes them different from the baseline."""

from collections.abc import Mapping

from musicgen.effects.effect import level_of, shown_level
from musicgen.effects.figures.study import change_label
from musicgen.effects.pairing import IDENTITY_GROUPS, Arm
from musicgen.records.runs import FoundRun, flat_config
from musicgen.reporting.material import Material

BASELINE, SAME = "baseline", "like another run"
_FOLLOWS_THE_SEED = "data.split_seed"


def arm_words(arm: Arm) -> str:
    """Such as "model.cell = gru"."""
    return BASELINE if arm.change is None else _words({arm.change.parameter: arm.change.value})


def run_words(run: FoundRun, material: Material) -> str:
    """The same for a run, also for one that belongs to no arm, such as a trial of a search."""
    parameter, level = run_cells(run, material)
    return f"{parameter} = {level}" if level else parameter


def run_cells(run: FoundRun, material: Material) -> tuple[str, str]:
    """Parameter and level for a table; a run that belongs to no arm has all its differences in the first."""
    if run in material.star.left_out:
        return _words(differences(run, material.star.baseline.runs[0])) or SAME, ""
    change = run.record.change
    parameter = BASELINE if change is None else change.parameter
    level = "" if change is None else shown_level(level_of(change.value))
    if run.record.retuned:
        level = ", ".join(part for part in (level, f"re-tuned {_words(run.record.retuned)}") if part)
    return parameter, level


def differences(run: FoundRun, baseline: FoundRun) -> dict[str, object]:
    """Parameter -> value, where the run's differs from the baseline's; seeds are none."""
    own, other = (
        flat_config({name: content for name, content in one.record.config.items() if name in IDENTITY_GROUPS})
        for one in (run, baseline)
    )
    return {
        name: value
        for name, value in own.items()
        if value != other.get(name) and name not in (_FOLLOWS_THE_SEED, "training.num_threads")
    }


def _words(changes: Mapping[str, object]) -> str:
    labels = (change_label(name, value) for name, value in changes.items())
    return ", ".join(" ".join(label.split()) for label in labels)
