"""One number of iterations for all runs of a study with `training.max_minutes`.

If each arm trained for as long as fits, a slower network would also be one that trained less, and one that a
busy machine stopped would have no partner. So the slowest arm decides for all, and no clock stops a run.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from musicgen.config import Config, resolve
from musicgen.errors import InputError
from musicgen.run.inputs import RunInputs
from musicgen.sweep.design import BASELINE, Compose, PlannedArm, StudyDesign

LENGTH, LIMIT = "training.num_iterations", "training.max_minutes"


def with_common_length(
    design: StudyDesign, compose: Compose, inputs_of: Callable[[Config], RunInputs]
) -> StudyDesign:
    """The design with the number of iterations that fits every arm, if its baseline has a time limit.

    Times each arm that was not timed before, unless the study is only planned. inputs_of: what a run with
    this config reads. Raises InputError if the study varies its length, or if too few iterations fit.
    """
    wanted = PlannedArm.compose(compose, BASELINE, design.baseline).config.training
    if wanted.max_minutes is None:
        return design
    if LENGTH in (*design.levels, *design.study.nuisance):
        raise InputError(f"{LENGTH}: cannot vary in a study with {LIMIT}, where all runs have one length")
    if design.study.dry_run:
        print(f"{LIMIT}={wanted.max_minutes:g}: the study itself times its arms, and may train them for less")
        return replace(design, baseline=[*design.baseline, f"{LIMIT}=null"])
    # Imports torch.
    from musicgen.run.pace import describe_fit, fit_into_time, known_pace
    from musicgen.training.device import choose_device

    fitted = []
    for arm in design.arms(compose):
        if arm.config.training.max_minutes is not None:
            config = resolve(arm.config)
            pace = known_pace(config, inputs_of(config), choose_device(config.device))
            fitted.append((fit_into_time(config.training, pace).num_iterations, pace, arm.name))
    num_iterations, pace, slowest = min(fitted, key=lambda one: one[0])
    of_all = f" in the slowest arm, {slowest}; every run gets them" if len(fitted) > 1 else ""
    print(describe_fit(wanted, num_iterations, pace) + of_all)
    return replace(design, baseline=[*design.baseline, f"{LENGTH}={num_iterations}", f"{LIMIT}=null"])


def check_no_limit(arms: Sequence[PlannedArm]) -> None:
    """Raise InputError if an arm has a time limit: that of the baseline has become a number of iterations."""
    for arm in arms:
        if arm.config.training.max_minutes is not None:
            raise InputError(f"{arm.name}: {LIMIT} cannot vary in a study; set it for all runs")
