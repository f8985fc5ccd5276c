"""Errors in one line: what the user, Hydra or the disk got wrong, as opposed to defects of this program.

Hydra raises whatever its parts raise: its own errors, those of YAML, of Python's logging, of a plugin's
constructor. All of them mean that the command was wrong, unless our code raised them.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from types import TracebackType

from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from musicgen.config import NAMES_ELSEWHERE, Config, meant_name
from musicgen.errors import OUT_OF_RESOURCES, InputError, describe_disk, how_to_install
from musicgen.system.extensions import how_to_trust
from musicgen.tracking.config import AS_TODAY
from musicgen.training.outcome import TrainingDiverged

FILE_ERRORS = (YAMLError, UnicodeDecodeError)
"""What reading a config file raises if it is not YAML in UTF-8."""
_UNKNOWN = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_PLACE = re.compile(r"full_key: (hydra\..+)")
_PLUGIN = re.compile(r"Unknown plugin class : '((?:hydra_plugins\.hydra_(\w+)_launcher\.)?.*)'")
_NOT_ALLOWED = re.compile(r"arget '([^']+)'.* is not in the Hydra execution whitelist")
_EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit": "slurm"}
"""Launcher's package -> the extra of this package that installs it."""


def describe_failure(error: Exception, caller: Callable[..., object] | None = None) -> str | None:
    """The line for an error of the user's, of Hydra's or of the disk; None for any other error.

    caller: the function that called Hydra, if Hydra may have raised an exception of any class.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, TrainingDiverged):
        return f"{error}; a lower training.learning_rate or a training.gradient_clip may help"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return describe_refusal(error)
    if isinstance(error, OSError) and (line := describe_disk(error) or _describe_file(error)):
        if error.errno in OUT_OF_RESOURCES:
            return line
        return f"{line}; paths.outputs must name a folder that can be written and has room"
    if isinstance(error, RuntimeError) and (line := describe_missing(error)):
        return line
    return describe_refusal(error) if caller is not None and is_refused(error, caller) else None


def _describe_file(error: OSError) -> str | None:
    return None if error.filename is None else f"{error.filename}: {error.strerror}"


def describe_missing(error: RuntimeError) -> str | None:
    """What to install, in one line, if the error says that a launcher's package is missing; else None."""
    plugin = _PLUGIN.fullmatch(str(error))
    if plugin is None:
        return None
    if plugin[2] is None:
        module = plugin[1].rpartition(".")[0]
        return f"_target_={plugin[1]}: unknown sweeper or launcher; {how_to_trust(module)}"
    extra = _EXTRAS.get(plugin[2])
    how = f": {how_to_install(extra)}" if extra else ""
    return f"hydra.launcher._target_={plugin[1]}: its package is not installed{how}"


def is_refused(error: Exception, caller: Callable[..., object]) -> bool:
    """Whether one of Hydra's settings is wrong, and not the code of this program.

    Either Hydra was building a part from its own config, or it raised by itself after the caller called it.
    """
    if _place_of(error) is not None:
        return True
    modules = _modules_below(error.__traceback__, caller)
    return bool(modules) and not any(name.split(".")[0] == "musicgen" for name in modules)


def _place_of(error: Exception) -> str | None:
    """The part of the config that Hydra was building, from the note that it adds."""
    places = (_PLACE.match(note) for note in getattr(error, "__notes__", ()))
    return next((place[1] for place in places if place is not None), None)


def _modules_below(trace: TracebackType | None, caller: Callable[..., object]) -> list[str]:
    found: list[str] = []
    has_passed = False
    while trace is not None:
        frame = trace.tb_frame
        if has_passed:
            found.append(str(frame.f_globals.get("__name__", "")))
        has_passed = has_passed or frame.f_code is caller.__code__  # type: ignore[attr-defined]
        trace = trace.tb_next
    return found


def describe_option(arguments: Iterable[str]) -> str | None:
    """What to write instead of the first option, such as `--seed 3`, that has the name of a field.

    Hydra would take --experiment for its option --experimental-rerun.
    """
    for argument in arguments:
        name = argument.partition("=")[0].removeprefix("--").replace("-", "_")
        meant = meant_name(name) if argument.startswith("--") else None
        if meant is not None and name in (*NAMES_ELSEWHERE, meant, meant.rpartition(".")[2]):
            return f"{argument}: no such option; write {meant}=VALUE"
    return None


def describe_refusal(error: Exception) -> str:
    """What Hydra or OmegaConf refused, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return _describe_encoding(error)
    # Python's logging passes on Hydra's refusal of a handler as the cause of another error.
    refused = _NOT_ALLOWED.search(f"{error} {error.__cause__}")
    if refused:
        return f"_target_={refused[1]}: {how_to_trust(refused[1].rpartition('.')[0])}"
    if not isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
        return _describe_setting(error)
    message = str(error).strip()
    unparsed = getattr(error, "override", None)
    if unparsed is not None:
        return _describe_unparsed(str(unparsed))
    unknown = re.match(r"Could not override '([^']+)'", message)
    if unknown:
        return _describe_unknown_field(unknown[1])
    unmerged = re.match(r"Error merging override (.+)", message, re.DOTALL)
    if unmerged and isinstance(error.__cause__, OmegaConfBaseException):
        # Of a typed part of the config, such as hydra.sweeper.
        return f"{unmerged[1]}: {str(error.__cause__).splitlines()[0]}"
    missing_option = re.match(r"(?:In '[^']*': )?Could not (?:find|load) '([^']+)'", message)
    if missing_option:
        options = re.findall(r"^\t(.+)$", message.split("Config search path")[0], re.MULTILINE)
        name = "=".join(missing_option[1].rsplit("/", 1))
        return f"{name}: no such choice" + (f"; allowed are {', '.join(options)}" if options else "")
    return " ".join(message.split("\n\n")[0].split())


def _describe_unknown_field(name: str) -> str:
    """Name the field that was probably meant, or the fields of the deepest part that `name` still matches."""
    if name.startswith("hydra."):
        return f"{name}: no such field; --cfg hydra shows all of them"
    if name == "tracker.kind":
        return f"{name}: is now tracker.log_to; write {AS_TODAY}"
    if name.startswith("tracker.log_to."):
        return f"{name}: is not built in; for a tracker of another package write +{name}=true"
    meant = meant_name(name)
    if meant is not None:
        return f"{name}: no such field; did you mean {meant}?"
    owner: type = Config
    parts = name.split(".")
    place = []
    for part in parts[:-1]:
        inner = {field.name: field.type for field in fields(owner)}.get(part)
        if not is_dataclass(inner) or not isinstance(inner, type):
            break
        owner = inner
        place.append(part)
    allowed = ", ".join(field.name for field in fields(owner))
    return f"{name}: no such field; allowed in {'.'.join(place) or 'the config'} are {allowed}"


def _describe_setting(error: Exception) -> str:
    """What a sweeper, a launcher, a callback or logging says about one of its settings."""
    place = _place_of(error) or "hydra"
    unknown = _UNKNOWN.search(str(error))
    if unknown:
        return f"{place}.{unknown[2]}: no such setting; {_allowed_settings(unknown[1])}"
    reasons = [
        f"{type(reason).__name__}: {reason}" for reason in (error, error.__cause__) if reason is not None
    ]
    return f"{place}: {' '.join(', '.join(reasons).split())}"


def _allowed_settings(name: str) -> str:
    """The settings of a sweeper or launcher, by the name of its class."""
    classes = {known.__name__: known for known in Plugins.instance().class_name_to_class.values()}
    names = list(inspect.signature(classes[name]).parameters) if name in classes else []
    return f"allowed for {name} are {', '.join(names)}" if names else f"{name} takes no settings"


def _describe_unparsed(override: str) -> str:
    """Unquoted words in Hydra's grammar are ASCII letters only."""
    name, sign, value = override.partition("=")
    if not sign:
        return f"{override}: cannot be read; settings are written NAME=VALUE"
    quoted = value.replace('"', '\\"')
    return f"""{override}: cannot be read; letters beyond ASCII and signs need quotes: '{name}="{quoted}"'"""


def _describe_encoding(error: UnicodeDecodeError) -> str:
    before, after = error.object[: error.start], error.object[error.start :]
    line = before.rpartition(b"\n")[2] + after.partition(b"\n")[0]
    number = before.count(b"\n") + 1
    text = line.decode("latin-1").strip()
    return f"a config file is not {error.encoding.upper()} in line {number}, {text!r}; save it as UTF-8"
