"""Whether two runs differ as their study declares. A pair is evidence for a change if nothing else differs.

Configs can differ in more: a file in conf/ was edited between two starts of a sweep, one of its folders was
filled by another command, or a record was edited by hand.
"""

from collections.abc import Iterable, Mapping

from musicgen.effects.neighbours import (
    CORPUS_FIELDS,
    CORPUS_TEXT,
    Configuration,
    differing_parameters,
)
from musicgen.records.record import RunRecord

JOINT = ("combined", "search")
"""What the runs of all winners and of a search's best trial declare: many parameters at once."""


def undeclared_differences(
    baseline: Configuration, configuration: Configuration, record: RunRecord
) -> list[str]:
    """The parameters in which a run differs from its baseline although its record does not say so.

    A level that the run does not have, and a seed, count as well.
    """
    change = record.change
    parameter = "" if change is None else change.parameter
    wrong = [] if record.config.get("seed", record.seed) == record.seed else ["seed"]
    if parameter in JOINT:
        return wrong
    if change and parameter in configuration and not _has_level(configuration[parameter], change.value):
        wrong.append(parameter)
    also = None if change is None else change.also_changes
    if also is None and parameter and parameter not in {*baseline, *configuration}:
        # An older record of a choice in a group does not say what the choice sets.
        return wrong
    declared = [parameter, *record.retuned, *(also or ())]
    different = differing_parameters(baseline, configuration)
    if None in (baseline.get(CORPUS_TEXT), configuration.get(CORPUS_TEXT)):
        # A run that failed before it read the corpus.
        different = [name for name in different if name != CORPUS_TEXT]
    return wrong + [name for name in different if not is_declared(name, declared)]


def is_declared(name: str, declared: Iterable[str]) -> bool:
    """Whether a field is one of these parameters, or part of a group that is."""
    return any(
        name == one or name.startswith(f"{one}.") or (name == "data.name" and one in CORPUS_FIELDS)
        for one in declared
    )


def _has_level(value: object, level: object) -> bool:
    # null is resolved when a run starts: to a number of threads, to a precision.
    return level is None or isinstance(level, Mapping) or value == level
