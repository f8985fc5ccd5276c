"""Find the baseline among some runs, and the arms that differ from it in one parameter.

A study declares this: each of its runs names its change. For a grid, a search or runs made by hand, the
configs are compared instead, as far as they enter an identity and without the seed. Every configuration that
differs from the baseline in exactly one parameter is an arm.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from musicgen.config import IDENTITY_GROUPS, Change
from musicgen.effects.corpora import split_by_text
from musicgen.effects.differences import (
    COMBINED,
    CORPUS_TEXT,
    Configuration,
    count_changes,
    differing_parameters,
    undeclared_differences,
)
from musicgen.errors import InputError
from musicgen.records.identity import ONCE_WITHOUT
from musicgen.records.runs import FoundRun, by_stage, flat_config, sweep_directory
from musicgen.system.words import counted, listed

_MAX_NAMED = 3
"""Parameters in the reason why a run is left out."""
Member = tuple[Change | None, FoundRun]
"""A run with the change that makes its arm; None for the baseline."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One level of one parameter, or the baseline. The records of its runs name its change."""

    change: Change | None
    runs: tuple[FoundRun, ...]
    """One for each seed."""
    retuned: tuple[FoundRun, ...] = ()
    """Runs with other values of the nuisance parameters, one for each value and seed."""

    @property
    def by_seed(self) -> dict[int, FoundRun]:
        """Seed -> run."""
        return {run.record.seed: run for run in self.runs}


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """The baseline, its arms, and the runs that belong to neither."""

    baseline: Arm
    arms: tuple[Arm, ...]
    left_out: tuple[FoundRun, ...]
    doubts: tuple[str, ...] = ()
    """A line for each arm whose runs differ from the baseline in more than they declare."""
    reasons: Mapping[FoundRun, str] = field(default_factory=dict)
    """Why each run is left out."""
    is_declared: bool = True
    """Whether a study declares the baseline; else it was chosen among the configurations."""

    @property
    def runs(self) -> list[FoundRun]:
        """Every run of the baseline and the arms."""
        arms = (self.baseline, *self.arms)
        return [run for arm in arms for run in (*arm.runs, *arm.retuned)]


@dataclass(frozen=True)
class _Configured:
    """Runs with their configurations."""

    runs: Sequence[FoundRun]
    configurations: Mapping[FoundRun, Configuration]
    keys: Mapping[FoundRun, str]
    declared: Mapping[FoundRun, str]
    """Run of a study -> key of its baseline's configuration."""

    @cached_property
    def by_key(self) -> dict[str, Configuration]:
        """The distinct configurations, in the order of their runs."""
        found: dict[str, Configuration] = {}
        for run in self.runs:
            found.setdefault(self.keys[run], self.configurations[run])
        return found


def pair_runs(runs: Sequence[FoundRun], baseline: Mapping[str, str] | None = None) -> PairedRuns:
    """Find the baseline with the most arms; ties go to more seeds, then to the earliest directory.

    Baselines that studies declare take precedence. baseline: parameter -> value as written, to choose another
    one; raises InputError if no run has it. `runs` must not be empty.

    Runs that screened changes are left out where there are others: the seeds that chose a change must not
    judge it.
    """
    assert runs
    screening, others = by_stage(runs)
    if screening and others:
        paired = pair_runs(others, baseline)
        reasons = {**paired.reasons, **dict.fromkeys(screening, "belongs to the first stage")}
        return replace(paired, left_out=tuple(reasons), reasons=reasons)
    configured = _configure(runs)
    wanted = _keys_with(configured, baseline or {})
    declared = [key for key in wanted if key in set(configured.declared.values())]
    if not declared:
        return _paired_with(configured, _most_changed(configured, wanted), is_declared=False)
    candidates = [_paired_with(configured, key, is_declared=True) for key in declared]
    # max takes the first of equals, and the keys come in the order of the directories.
    return max(candidates, key=lambda paired: (len(paired.arms), len(paired.baseline.runs)))


def _most_changed(configured: _Configured, wanted: Sequence[str]) -> str:
    """The configuration with the most arms, then seeds, where no study declares a baseline."""
    changes = count_changes(list(configured.by_key.values()))
    num_arms = dict(zip(configured.by_key, changes, strict=True))
    seeds: dict[str, set[int]] = {}
    for run in configured.runs:
        seeds.setdefault(configured.keys[run], set()).add(run.record.seed)
    return max(wanted, key=lambda key: (num_arms[key], len(seeds[key])))


def _configure(runs: Sequence[FoundRun]) -> _Configured:
    studies: dict[Path, list[FoundRun]] = {}
    for run in runs:
        studies.setdefault(sweep_directory(run), []).append(run)
    changed = [study for study in studies.values() if any(run.record.change for run in study)]
    loose = [run for study in studies.values() if study not in changed for run in study]
    configurations: dict[FoundRun, Configuration] = {}
    declared: dict[FoundRun, str] = {}
    for study in (*changed, loose):
        found = configurations_of(study)
        configurations |= found
        plain = [run for run in study if not run.record.change and not run.record.retuned]
        if study is loose or not plain:
            continue
        common = Counter(_key(found[run]) for run in plain).most_common(1)[0][0]
        declared |= {run: common for run in study if run not in plain or _key(found[run]) == common}
    keys = {run: _key(configuration) for run, configuration in configurations.items()}
    return _Configured(runs, configurations, keys, declared)


def read_baseline(pairs: Sequence[str]) -> dict[str, str]:
    """PARAMETER=VALUE texts as a mapping; raises InputError for any other text."""
    baseline = {}
    for pair in pairs:
        parameter, sign, value = pair.partition("=")
        if not sign:
            raise InputError(f"--baseline {pair}: PARAMETER=VALUE is needed, such as model.cell=gru")
        baseline[parameter] = value
    return baseline


def configurations_of(runs: Iterable[FoundRun]) -> dict[FoundRun, Configuration]:
    """The configuration of each run. A split seed that follows the run's seed becomes "seed"."""
    flat = {run: _identity_leaves(run) for run in runs}
    fixed = {leaves["data.split_seed"] for run, leaves in flat.items() if not _follows(run, leaves)}
    for run, leaves in flat.items():
        if _follows(run, leaves) and leaves["data.split_seed"] not in fixed:
            leaves["data.split_seed"] = "seed"
    # A run that failed before it read the corpus does not know its text; other runs of its config do.
    texts = {
        _key(leaves | {CORPUS_TEXT: None}): text for leaves in flat.values() if (text := leaves[CORPUS_TEXT])
    }
    for leaves in flat.values():
        leaves[CORPUS_TEXT] = leaves[CORPUS_TEXT] or texts.get(_key(leaves))
    return dict(flat)


def _follows(run: FoundRun, leaves: Configuration) -> bool:
    return leaves["data.split_seed"] == run.record.seed


def identity_leaves(config: Mapping[str, object]) -> dict[str, object]:
    """Dotted name -> value of everything in a config that can change a run's numbers, except the seed."""
    return flat_config({name: value for name, value in config.items() if name in IDENTITY_GROUPS})


def _identity_leaves(run: FoundRun) -> dict[str, object]:
    leaves = identity_leaves(run.record.config)
    leaves.setdefault("data.split_seed", run.record.seed)
    for name, value in flat_config(ONCE_WITHOUT).items():
        leaves.setdefault(name, value)
    # Limits do not change results: what was read, and how many iterations fitted, is compared itself.
    leaves.pop("data.max_megabytes", None)
    leaves.pop("training.max_minutes", None)
    leaves[CORPUS_TEXT] = run.record.corpus.get("sha256")
    return leaves


def _key(configuration: Configuration) -> str:
    return json.dumps(configuration, sort_keys=True)


def _keys_with(configured: _Configured, baseline: Mapping[str, str]) -> list[str]:
    """The configurations with these values, in the order of their runs."""
    keys = list(configured.by_key)
    for parameter, text in baseline.items():
        values = {key: configured.by_key[key].get(parameter, "absent") for key in keys}
        if all(value == "absent" for value in values.values()):
            raise InputError(f"--baseline {parameter}={text}: no run has a parameter {parameter}")
        keys = [key for key, value in values.items() if _reads_as(text, value)]
        if not keys:
            present = ", ".join(dict.fromkeys(json.dumps(value) for value in values.values()))
            raise InputError(f"--baseline {parameter}={text}: no such run; there are runs with {present}")
    return keys


def _reads_as(text: str, value: object) -> bool:
    try:
        return json.loads(text) == value
    except json.JSONDecodeError:
        return text == value


def _paired_with(configured: _Configured, key: str, *, is_declared: bool) -> PairedRuns:
    """The runs as arms of the baseline with this configuration."""
    members: list[Member] = []
    reasons: dict[FoundRun, str] = {}
    undeclared: dict[FoundRun, list[str]] = {}
    base = configured.by_key[key]
    known: dict[str, Change | None] = {key: None}
    loose = list(configured.runs)
    if is_declared:
        own = [run for run in configured.runs if configured.declared.get(run) == key]
        undeclared = _undeclared(own, base, configured.configurations)
        members = [(run.record.change, run) for run in own if run not in undeclared]
        # A run made by hand joins the arm of the study that has its configuration.
        known |= {configured.keys[run]: change for change, run in members if not run.record.retuned}
        reasons = _foreign(configured, key) | {
            run: f"differs in {_some(names)}, which its study does not declare"
            for run, names in undeclared.items()
        }
        loose = [run for run in configured.runs if run not in configured.declared]
    for run in loose:
        if configured.keys[run] not in known:
            different = differing_parameters(base, configured.configurations[run])
            if len(different) != 1:
                reasons[run] = f"differs from the baseline in {_some(different)}"
                continue
            levels = (configured.configurations[run].get(different[0]), base.get(different[0]))
            known[configured.keys[run]] = Change(different[0], *levels)
        # A value that another study calls re-tuned is an ordinary value here.
        plain = replace(run, record=replace(run.record, retuned={}))
        members.append((known[configured.keys[run]], plain))
    baseline = [run for change, run in members if change is None]
    same, others = split_by_text([run for _, run in members], baseline)
    comparable = set(same)
    members = [(change, run) for change, run in members if run in comparable]
    reasons |= dict.fromkeys(others, "read another text of the same corpus")
    return _arranged(members, reasons, _doubts(undeclared), is_declared=is_declared)


def _foreign(configured: _Configured, key: str) -> dict[FoundRun, str]:
    """The runs of studies with another baseline than the one with this configuration, and why."""
    base = configured.by_key[key]
    return {
        run: f"its study's baseline differs in {_some(differing_parameters(base, configured.by_key[other]))}"
        for run in configured.runs
        if (other := configured.declared.get(run, key)) != key
    }


def _some(parameters: Sequence[str]) -> str:
    """The first parameters, and how many more there are."""
    more = len(parameters) - _MAX_NAMED
    return listed([*parameters[:_MAX_NAMED], *([f"{more} more"] if more > 0 else [])])


def _undeclared(
    runs: Sequence[FoundRun], base: Configuration, configurations: Mapping[FoundRun, Configuration]
) -> dict[FoundRun, list[str]]:
    """Undeclared differences of each run from the baseline, or else from the first run of its arm."""
    firsts: dict[str, FoundRun] = {}
    found = {}
    for run in runs:
        names = undeclared_differences(base, configurations[run], run.record)
        if not names:
            declared = json.dumps([run.record.change, run.record.retuned], sort_keys=True, default=str)
            first = firsts.setdefault(declared, run)
            names = differing_parameters(configurations[first], configurations[run])
        if names:
            found[run] = names
    return found


def _doubts(undeclared: Mapping[FoundRun, Sequence[str]]) -> tuple[str, ...]:
    """A line for each arm, with what differs in it."""
    runs: Counter[tuple[str, str]] = Counter()
    for run, names in undeclared.items():
        change = run.record.change
        runs["baseline" if change is None else change.key, ", ".join(names)] += 1
    return tuple(
        f"{arm}: {counted(number, 'run')} not compared: the config differs from the baseline's in "
        f"undeclared parameters: {names}"
        for (arm, names), number in runs.items()
    )


def _arranged(
    members: Sequence[Member], reasons: Mapping[FoundRun, str], doubts: tuple[str, ...], *, is_declared: bool
) -> PairedRuns:
    """Members as arms: parameters in order of appearance, levels ascending, joint changes last."""
    changes = {change.key: change for change, _ in members if change is not None}
    arms: dict[str | None, Arm] = {}
    spare: list[FoundRun] = []
    by_arm: dict[str | None, list[FoundRun]] = {}
    for change, run in members:
        by_arm.setdefault(change and change.key, []).append(run)
    for key in (None, *changes):
        change = None if key is None else changes[key]
        kept, others = _one_per_seed(by_arm.get(key, []))
        spare += others
        marked = [replace(run, record=replace(run.record, change=change)) for run in kept]
        arms[key] = Arm(
            change,
            tuple(run for run in marked if not run.record.retuned),
            tuple(run for run in marked if run.record.retuned),
        )
    baseline = arms.pop(None)
    parameters = list(dict.fromkeys(change.parameter for change in changes.values()))

    def order(arm: Arm) -> tuple[bool, int, float]:
        assert arm.change is not None
        value = arm.change.value
        number = float(value) if isinstance(value, (int, float)) else 0.0
        return arm.change.parameter == COMBINED, parameters.index(arm.change.parameter), number

    reasons = {**reasons, **dict.fromkeys(spare, "is a second run of its configuration and seed")}
    ordered = tuple(sorted(arms.values(), key=order))
    return PairedRuns(baseline, ordered, tuple(reasons), doubts, reasons, is_declared)


def _one_per_seed(runs: Sequence[FoundRun]) -> tuple[list[FoundRun], list[FoundRun]]:
    """One run for each seed and nuisance value, complete if possible, and the other runs of these places.

    A second copy of the same run is in neither.
    """
    kept: dict[tuple[int, str], FoundRun] = {}
    for run in sorted(runs, key=lambda run: run.record.status != "complete"):
        kept.setdefault((run.record.seed, json.dumps(run.record.retuned, sort_keys=True)), run)
    same = {run.record.run_id for run in kept.values()}
    chosen = sorted(kept.values(), key=lambda run: run.record.seed)
    return chosen, [run for run in runs if run.record.run_id not in same]
