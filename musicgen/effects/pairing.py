"""Which run is whose baseline: a star of arms, each of which differs from the baseline in one parameter.

A study says so itself: each of its runs names its change. Of a grid, a search or a pile of runs made by hand
the configs are compared, as far as they enter an identity and without the seed, and every configuration that
differs from the baseline in exactly one parameter is an arm.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from musicgen.config import IDENTITY_GROUPS
from musicgen.effects.corpora import split_by_text
from musicgen.effects.declaration import undeclared_differences
from musicgen.effects.neighbours import CORPUS_TEXT, Configuration, count_changes, differing_parameters
from musicgen.errors import InputError
from musicgen.records.runs import FoundRun, flat_config, sweep_directories

COMBINED = "combined"
"""The parameter of the run of all winning levels together."""


@dataclass(frozen=True, slots=True)
class Change:
    """What makes an arm."""

    parameter: str
    value: object
    baseline_value: object

    @property
    def key(self) -> str:
        """The same for the same level."""
        return f"{self.parameter}={json.dumps(self.value, sort_keys=True)}"


@dataclass(frozen=True, slots=True)
class Arm:
    """One level of one parameter, or the baseline. Its records name its change."""

    change: Change | None
    runs: tuple[FoundRun, ...]
    """One a seed."""
    retuned: tuple[FoundRun, ...] = ()
    """With other values of the nuisance parameters, one for each of their values and seed."""


@dataclass(frozen=True, slots=True)
class Star:
    """The baseline, its arms, and what belongs to neither."""

    baseline: Arm
    arms: tuple[Arm, ...]
    left_out: tuple[FoundRun, ...]
    doubts: tuple[str, ...] = ()
    """A line for each arm with runs that differ from the baseline in more than they declare."""

    @property
    def runs(self) -> list[FoundRun]:
        """Every run of baseline and arms."""
        arms = (self.baseline, *self.arms)
        return [run for arm in arms for run in (*arm.runs, *arm.retuned)]


@dataclass(frozen=True)
class _Pile:
    """Runs with their configurations."""

    runs: Sequence[FoundRun]
    configurations: Mapping[FoundRun, Configuration]
    keys: Mapping[FoundRun, str]
    declared: Mapping[FoundRun, str]
    """Run of a study -> key of its baseline's configuration."""

    @cached_property
    def by_key(self) -> dict[str, Configuration]:
        """The configurations that differ, in the order of their runs."""
        found: dict[str, Configuration] = {}
        for run in self.runs:
            found.setdefault(self.keys[run], self.configurations[run])
        return found


def pair_runs(runs: Sequence[FoundRun], baseline: Mapping[str, str] | None = None) -> Star:
    """Find the baseline with the most arms; ties go to more seeds, then to the earliest directory.

    The baselines that studies declare come first. `baseline`, parameter -> value as written, asks for another
    one; InputError where no run has it. `runs` holds at least one.
    """
    assert runs
    pile = _make_pile(runs)
    wanted = _keys_with(pile, baseline or {})
    declared = [key for key in wanted if key in set(pile.declared.values())]
    if not declared:
        return _star(pile, _most_changed(pile, wanted), is_declared=False)
    stars = [_star(pile, key, is_declared=True) for key in declared]

    def rank(star: Star) -> tuple[int, int]:
        return len(star.arms), len(star.baseline.runs)

    # Python's max takes the first of equals, and the keys come in the order of the directories.
    return max(stars, key=rank)


def _most_changed(pile: _Pile, wanted: Sequence[str]) -> str:
    """The configuration of the same rank, among those that nobody declared."""
    changes = dict(zip(pile.by_key, count_changes(list(pile.by_key.values())).tolist(), strict=True))
    seeds: dict[str, set[int]] = {}
    for run in pile.runs:
        seeds.setdefault(pile.keys[run], set()).add(run.record.seed)
    return max(wanted, key=lambda key: (changes[key], len(seeds[key])))


def _make_pile(runs: Sequence[FoundRun]) -> _Pile:
    studies: dict[Path, list[FoundRun]] = {}
    for run, sweep in sweep_directories(runs).items():
        studies.setdefault(sweep, []).append(run)
    changed = [study for study in studies.values() if any(run.record.change for run in study)]
    loose = [run for study in studies.values() if study not in changed for run in study]
    configurations: dict[FoundRun, Configuration] = {}
    declared: dict[FoundRun, str] = {}
    for study in (*changed, loose):
        found = _configurations(study)
        configurations |= found
        plain = [run for run in study if not run.record.change and not run.record.retuned]
        if study is loose or not plain:
            continue
        common = Counter(_key(found[run]) for run in plain).most_common(1)[0][0]
        declared |= {run: common for run in study if run not in plain or _key(found[run]) == common}
    keys = {run: _key(configuration) for run, configuration in configurations.items()}
    return _Pile(runs, configurations, keys, declared)


def read_baseline(pairs: Sequence[str]) -> dict[str, str]:
    """PARAMETER=VALUE texts as a mapping; raises InputError for any other text."""
    baseline = {}
    for pair in pairs:
        parameter, sign, value = pair.partition("=")
        if not sign:
            raise InputError(f"--baseline {pair}: PARAMETER=VALUE is needed, such as model.cell=gru")
        baseline[parameter] = value
    return baseline


def _configurations(runs: Iterable[FoundRun]) -> dict[FoundRun, Configuration]:
    """The configuration of each run. A split seed that follows the seed reads "seed", a fixed one stays."""
    flat = {run: _identity_leaves(run) for run in runs}
    fixed = {leaves["data.split_seed"] for run, leaves in flat.items() if not _follows(run, leaves)}
    for run, leaves in flat.items():
        if _follows(run, leaves) and leaves["data.split_seed"] not in fixed:
            leaves["data.split_seed"] = "seed"
    # A run that failed before it read the corpus does not know the text that the others read.
    texts = {
        _key(leaves | {CORPUS_TEXT: None}): text for leaves in flat.values() if (text := leaves[CORPUS_TEXT])
    }
    for leaves in flat.values():
        leaves[CORPUS_TEXT] = leaves[CORPUS_TEXT] or texts.get(_key(leaves))
    return dict(flat)


def _follows(run: FoundRun, leaves: Configuration) -> bool:
    return leaves["data.split_seed"] == run.record.seed


def identity_leaves(config: Mapping[str, object]) -> dict[str, object]:
    """Dotted name -> value of everything in a config that can change a run's numbers, but the seed."""
    return flat_config({name: value for name, value in config.items() if name in IDENTITY_GROUPS})


def _identity_leaves(run: FoundRun) -> dict[str, object]:
    leaves = identity_leaves(run.record.config)
    leaves.setdefault("data.split_seed", run.record.seed)
    # What may be read changes nothing of what was read.
    leaves.pop("data.max_megabytes", None)
    leaves[CORPUS_TEXT] = run.record.corpus.get("sha256")
    return leaves


def _key(configuration: Configuration) -> str:
    return json.dumps(configuration, sort_keys=True)


def _keys_with(pile: _Pile, baseline: Mapping[str, str]) -> list[str]:
    """The configurations with these values, in the order of their runs."""
    keys = dict.fromkeys(pile.keys[run] for run in pile.runs)
    for parameter, text in baseline.items():
        values = {key: pile.by_key[key].get(parameter, "absent") for key in keys}
        if all(value == "absent" for value in values.values()):
            raise InputError(f"--baseline {parameter}={text}: no run has a parameter {parameter}")
        kept = [key for key, value in values.items() if _reads_as(text, value)]
        if not kept:
            present = ", ".join(dict.fromkeys(json.dumps(value) for value in values.values()))
            raise InputError(f"--baseline {parameter}={text}: no such run; there are runs with {present}")
        keys = dict.fromkeys(kept)
    return list(keys)


def _reads_as(text: str, value: object) -> bool:
    try:
        return json.loads(text) == value
    except json.JSONDecodeError:
        return text == value


def _star(pile: _Pile, key: str, *, is_declared: bool) -> Star:
    """The star around one configuration."""
    members: list[tuple[Change | None, FoundRun]] = []
    left_out: list[FoundRun] = []
    undeclared: dict[FoundRun, list[str]] = {}
    base = pile.by_key[key]
    known: dict[str, Change | None] = {key: None}
    loose = list(pile.runs)
    if is_declared:
        own = [run for run in pile.runs if pile.declared.get(run) == key]
        undeclared = _undeclared(own, base, pile.configurations)
        members = [(_declared_change(run), run) for run in own if run not in undeclared]
        # A run made by hand joins the arm of the study that has its configuration.
        known |= {pile.keys[run]: change for change, run in members if not run.record.retuned}
        left_out = [run for run in pile.runs if pile.declared.get(run, key) != key or run in undeclared]
        loose = [run for run in pile.runs if run not in pile.declared]
    for run in loose:
        if pile.keys[run] not in known:
            different = differing_parameters(base, pile.configurations[run])
            if len(different) != 1:
                left_out.append(run)
                continue
            levels = (pile.configurations[run].get(different[0]), base.get(different[0]))
            known[pile.keys[run]] = Change(different[0], *levels)
        # What another study calls re-tuned is a value like any other here.
        members.append((known[pile.keys[run]], replace(run, record=replace(run.record, retuned={}))))
    members, others = _of_one_corpus(members)
    arranged = _arranged(members, [*left_out, *others])
    return replace(arranged, doubts=tuple(_tell_undeclared(undeclared)))


def _undeclared(
    runs: Sequence[FoundRun], base: Configuration, configurations: Mapping[FoundRun, Configuration]
) -> dict[FoundRun, list[str]]:
    """What differs in each run from the baseline without being declared, or from the first run of its arm."""
    firsts: dict[str, FoundRun] = {}
    found = {}
    for run in runs:
        names = undeclared_differences(base, configurations[run], run.record)
        if not names:
            declared = json.dumps([run.record.change, run.record.retuned], sort_keys=True, default=str)
            first = firsts.setdefault(declared, run)
            names = differing_parameters(configurations[first], configurations[run])
        if names:
            found[run] = list(names)
    return found


def _tell_undeclared(undeclared: Mapping[FoundRun, Sequence[str]]) -> list[str]:
    """A line for each arm and what differs in it."""
    runs: Counter[tuple[str, str]] = Counter()
    for run, names in undeclared.items():
        change = _declared_change(run)
        runs["baseline" if change is None else change.key, ", ".join(names)] += 1
    return [
        f"{arm}: {number} run{'s' if number > 1 else ''} not compared: the config differs from the "
        f"baseline's in what is not declared: {names}"
        for (arm, names), number in runs.items()
    ]


def _of_one_corpus(
    members: Sequence[tuple[Change | None, FoundRun]],
) -> tuple[list[tuple[Change | None, FoundRun]], list[FoundRun]]:
    """The members that read the baseline's corpus as it was then, and the other runs."""
    baseline = [run for change, run in members if change is None]
    same, others = split_by_text([run for _, run in members], baseline)
    kept = set(same)
    return [(change, run) for change, run in members if run in kept], others


def _declared_change(run: FoundRun) -> Change | None:
    change = run.record.change
    if change is None:
        return None
    return Change(str(change["parameter"]), change["value"], change["baseline_value"])


def _arranged(members: Sequence[tuple[Change | None, FoundRun]], left_out: Sequence[FoundRun]) -> Star:
    """Members as arms: parameters as they come, their levels ascending, joint changes last."""
    changes = {change.key: change for change, _ in members if change is not None}
    arms: dict[str | None, Arm] = {}
    doubles: list[FoundRun] = []
    belonging: dict[str | None, list[FoundRun]] = {}
    for change, run in members:
        belonging.setdefault(change and change.key, []).append(run)
    for key in (None, *changes):
        change = None if key is None else changes[key]
        kept, spare = _one_a_seed(belonging.get(key, []))
        doubles += spare
        marked = [replace(run, record=replace(run.record, change=_as_mapping(change))) for run in kept]
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

    return Star(baseline, tuple(sorted(arms.values(), key=order)), (*left_out, *doubles))


def _as_mapping(change: Change | None) -> dict[str, object] | None:
    return change and {
        "parameter": change.parameter,
        "value": change.value,
        "baseline_value": change.baseline_value,
    }


def _one_a_seed(runs: Sequence[FoundRun]) -> tuple[list[FoundRun], list[FoundRun]]:
    """One run for each seed and nuisance value, a complete one if there is; and other runs of that place.

    The same run found a second time is in neither.
    """
    kept: dict[tuple[int, str], FoundRun] = {}
    for run in sorted(runs, key=lambda run: run.record.status != "complete"):
        kept.setdefault((run.record.seed, json.dumps(run.record.retuned, sort_keys=True)), run)
    same = {run.record.run_id for run in kept.values()}
    chosen = sorted(kept.values(), key=lambda run: run.record.seed)
    return chosen, [run for run in runs if run.record.run_id not in same]
