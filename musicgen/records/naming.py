"""What changes, runs and tunes are called: in prose, in folder names, in the grammar of Hydra's overrides.

A person says "batch_size=8, seed 0" and "Tune 17 of batch_size=8, seed 0".

Levels come from memory or from CSV: 0.01 or "0.01", a list or its JSON text, None or NaN. `level_of` gives
all spellings of one level the same text.
"""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from musicgen.config import NOT_SWEPT, Change, Config

MAX_NAME_CHARACTERS = 100
MAX_NAME_BYTES = 200
"""In UTF-8. File systems allow 255; a time or a number may be added."""
BASELINE, COMBINED = "baseline", "combined"
"""The arm that changes nothing, and the parameter of the run of all winning levels together."""
_MAX_LEVEL = 30
"""Characters of a level in a label."""
_MAX_TITLE = 60
_AMBIGUOUS = frozenset({"name", "path", "source", "url", "kind", "weights"})
"""Fields that say nothing without their group."""
_GROUP = re.compile(r"(?<!\S)[+~]*(?:\w+\.)+(?=(\w+)=)")
"""The groups before a parameter's own name."""
_UNSAID = ("training.num_threads", "seed")
"""Parameters that a run's name leaves out, in addition to whole groups."""
_SEED_FOLDER, _TRIAL_FOLDER = re.compile(r"seed=\d+"), re.compile(r"\d{3,9}")
"""Names of folders in sweeps and searches: ARM/seed=0 and 003/seed=0."""
_TITLE = re.compile(r"[^\W_][\w '’,.&()!?-]*")
_VOWEL = re.compile(r"[aeiouyáéíóúàèìòù]", re.IGNORECASE)


_UNFIT = r"[^\w.,=+-]+"


def folder_name(text: str) -> str:
    """The text with every character replaced that does not belong into a folder's name."""
    name = re.sub(_UNFIT, "_", text)[:MAX_NAME_CHARACTERS]
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("_.")


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, with numbers appended to repeated ones: long values may be cut to the same name.

    A number never makes a name that another entry already has. Names that differ only in case count as equal,
    as on the file systems of Windows and macOS.
    """

    def key(name: str) -> str:
        return unicodedata.normalize("NFC", name).casefold()

    taken = {key(name) for name in names}
    seen: set[str] = set()
    unique = []
    for name in names:
        if key(name) in seen:
            name = next(numbered for number in count(2) if key(numbered := f"{name}-{number}") not in taken)
            taken.add(key(name))
        seen.add(key(name))
        unique.append(name)
    return unique


def changes_name(overrides: Sequence[str], *left_out: str) -> str:
    """The part of a folder's name for these overrides: "-model=gru-training.batch_size=64", or nothing.

    left_out: groups and parameters that are not mentioned, in addition to `paths`.
    """
    shown = drop_overrides(overrides, "paths", *left_out)
    return ("-" + folder_name("-".join(shown)) if shown else "")[:MAX_NAME_CHARACTERS]


def search_name(overrides: Sequence[str]) -> str:
    """The name of a search with these overrides; other overrides give another name, however long they are."""
    left_out = ("tracker", "rendering")
    text = "-".join(drop_overrides(overrides, "paths", *left_out))
    name = changes_name(overrides, *left_out)
    is_cut = bool(text) and name != "-" + re.sub(_UNFIT, "_", text).strip("_.")
    if not is_cut:
        return f"search{name}"
    return f"search{name.rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def drop_overrides(overrides: Sequence[str], *names: str) -> list[str]:
    """The overrides whose group, or first name, is not one of these."""
    return [text for text in overrides if re.split(r"[.=@/]", text.lstrip("+~"))[0] not in names]


def override_text(value: object) -> str:
    """A plain value in the grammar of Hydra's overrides; raises TypeError for any other value.

    In quoted strings a backslash is literal, except before a quote.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            escaped = re.sub(r'(\\*)("|$)', lambda end: end[1] * 2 + ('\\"' if end[2] else ""), value)
            return f'"{escaped}"'
        case Mapping():
            return "{" + ",".join(f"{name}:{override_text(inner)}" for name, inner in value.items()) + "}"
        case Sequence():
            return "[" + ",".join(override_text(inner) for inner in value) + "]"
    raise TypeError(f"no override can express {value!r}")


def shown_change(parameter: str, value: object, retuned: Mapping[str, object] | None = None) -> str:
    """A change as a person says it: "batch_size=8", without the parameter's group.

    retuned: nuisance parameters with other values than the baseline's. The levels of a joint change are named
    without their groups, too.
    """
    if parameter == COMBINED:
        words = f"{COMBINED}: {shortened(without_groups(level_of(value)), 2 * _MAX_LEVEL)}"
    else:
        words = f"{parameter_name(parameter)}={shown_level(level_of(value))}"
    again = ", ".join(shown_change(name, level) for name, level in (retuned or {}).items())
    return f"{words}, re-tuned {again}" if again else words


def arm_name(change: Change | None, retuned: Mapping[str, object] | None = None) -> str:
    """The arm of a study: "batch_size=8" or "baseline"."""
    if change is not None:
        return shown_change(change.parameter, change.value, retuned)
    again = ", ".join(shown_change(name, level) for name, level in (retuned or {}).items())
    return f"{BASELINE}, re-tuned {again}" if again else BASELINE


def overrides_name(overrides: Sequence[str]) -> str:
    """The overrides that can change a run's numbers, without the seed: "model=gru, batch_size=8".

    "defaults" if there are none.
    """
    shown = drop_overrides(overrides, *(name for name in NOT_SWEPT if name != "device"))
    words = [
        f"{parameter_name(name)}={shown_level(level_of(value.strip(chr(34))))}"
        for name, _, value in (text.lstrip("+").partition("=") for text in shown)
        if name not in _UNSAID
    ]
    return ", ".join(words) or "defaults"


def arm_of(
    study: object, change: Change | None, retuned: Mapping[str, object], directory: Path
) -> str | None:
    """The arm that a run belongs to; None for a run by itself and for a trial.

    study: the study's name. A sweep that is not declared has none: its baseline is known by the directory.
    """
    has_baseline_folder = _SEED_FOLDER.fullmatch(directory.name) and directory.parent.name == BASELINE
    is_of_arm = study is not None or change is not None or bool(retuned) or has_baseline_folder
    return arm_name(change, retuned) if is_of_arm else None


def trial_of(directory: Path) -> int | None:
    """The number of the search's trial that has its run in this directory; None if it is of no search."""
    is_of_trial = _SEED_FOLDER.fullmatch(directory.name) and _TRIAL_FOLDER.fullmatch(directory.parent.name)
    return int(directory.parent.name) if is_of_trial else None


def run_name(config: Config, overrides: Sequence[str], directory: Path) -> str:
    """A run in a list of experiments: "batch_size=8 · seed 0"."""
    arm, trial = arm_of(config.study.name, config.change, config.retuned, directory), trial_of(directory)
    if arm is None:
        arm = overrides_name([text for text in overrides if "stop_iteration=" not in text])
    number = "" if trial is None else f"trial {trial}: "
    return f"{number}{shortened(arm, MAX_NAME_CHARACTERS)} · seed {config.seed}"


def parameter_name(parameter: str) -> str:
    """A parameter without its group, where that is clear: "batch_size"."""
    return without_groups(f"{parameter}=")[:-1]


def without_groups(text: str) -> str:
    """The text with parameters named without their groups: "batch_size=8" for training.batch_size=8."""
    return _GROUP.sub(lambda match: match[0].lstrip("+~") if match[1] in _AMBIGUOUS else "", text)


def tune_title(title: str, prompt: str, index: int) -> str:
    """The tune's own title, if that is one: "The Lark"; else "Tune 17".

    A title that the prompt gave belongs to every tune of the run. Others are made by the network: one that
    consists of words that can be said counts.
    """
    title = " ".join(title.split())
    words = re.findall(r"[^\W\d_]{3,}", title)
    is_own = f"T:{title}" not in prompt and _TITLE.fullmatch(title) is not None and len(title) <= _MAX_TITLE
    return title if is_own and words and all(map(_VOWEL.search, words)) else f"Tune {index}"


def tune_name(title: str, index: int, run: str) -> str:
    """A tune outside of its run: "Tune 17 of batch_size=8, seed 0", or "The Lark (tune 17 of …)".

    title: as `tune_title` gives it. run: its arm and seed.
    """
    own = f"Tune {index}"
    return f"{own} of {run}" if title == own else f"{title} (tune {index} of {run})"


def level_of(value: object) -> str:
    """One text for one level, whether it comes from memory or from CSV."""
    if value is None or value == "" or value != value:
        return "null"
    number = as_number(value)
    if number is not None:
        return f"{number:.12g}"
    if isinstance(value, str) and value.startswith("["):
        value = _read_list(value) or value
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value), ensure_ascii=False)
    return str(value).lower() if str(value) in {"True", "False"} else str(value)


def shown_level(level: str) -> str:
    """The level for a reader: lists without brackets, their texts in quotes, an empty one as "none".

    Line ends become ↵, and the middle of a long text is left out.
    """
    number = as_number(level)
    if number is not None:
        return f"{number:g}"
    if level.startswith("["):
        items = _read_list(level)
        if items is not None:
            level = ", ".join(f"“{item}”" if isinstance(item, str) else str(item) for item in items) or "none"
    return shortened(level.replace("\\n", "↵").replace("\n", "↵"), _MAX_LEVEL)


def shortened(text: str, max_length: int) -> str:
    """The text without its middle, if it is longer than this."""
    half = max_length // 2 - 1
    return text if len(text) <= max_length else f"{text[:half]}…{text[-half:]}"


def as_number(value: object) -> float | None:
    """A finite number, also written as text; None for everything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _read_list(text: str) -> Sequence[object] | None:
    """A list from its JSON text; None where the text only begins like one."""
    try:
        return list(json.loads(text))
    except (json.JSONDecodeError, RecursionError):
        return None


def study_tags(config: Config, directory: Path) -> list[str]:
    """Comet tags of a run: its study, arm, changed parameter and value; or its search and trial."""
    name, change, trial = config.study.name, config.change, trial_of(directory)
    arm = arm_of(name, change, config.retuned, directory)
    tags = {
        "study": name,
        "arm": arm,
        "parameter": change and change.parameter,
        "value": change and shown_level(level_of(change.value)),
        "search": None if trial is None else directory.parent.parent.name,
        "trial": trial,
    }
    return [f"{tag}={value}" for tag, value in tags.items() if value is not None]
