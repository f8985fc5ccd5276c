"""What Hydra refuses, in one line: choices, values, files and settings that a person got wrong.

Hydra raises whatever the part of it that read them raises: its own errors, those of YAML, of Python's
logging, of a plugin's constructor. All of them say that the command was wrong, unless our code raised them.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from types import TracebackType

from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from musicgen.config import Config

FILE_ERRORS = (YAMLError, UnicodeDecodeError)
"""What reading a config file raises that is not YAML in UTF-8."""
_UNKNOWN = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_PLACE = re.compile(r"full_key: (hydra\..+)")


def is_refused(error: Exception, ours: Callable[..., object]) -> bool:
    """Whether a setting of Hydra's is wrong, and no code of this program's.

    Either Hydra built a part from its own config, or it raised by itself after `ours` had called it.
    """
    if _place_of(error) is not None:
        return True
    modules = _modules_below(error.__traceback__, ours)
    return bool(modules) and not any(name.split(".")[0] == "musicgen" for name in modules)


def _place_of(error: Exception) -> str | None:
    """The part of the config that Hydra was building: it leaves a note."""
    places = (_PLACE.match(note) for note in getattr(error, "__notes__", ()))
    return next((place[1] for place in places if place is not None), None)


def _modules_below(trace: TracebackType | None, ours: Callable[..., object]) -> list[str]:
    found: list[str] = []
    has_passed = False
    while trace is not None:
        frame = trace.tb_frame
        if has_passed:
            found.append(str(frame.f_globals.get("__name__", "")))
        has_passed = has_passed or frame.f_code is ours.__code__  # type: ignore[attr-defined]
        trace = trace.tb_next
    return found


def describe_refusal(error: Exception) -> str:
    """What Hydra or OmegaConf refused, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return _describe_encoding(error)
    if not isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
        return _describe_setting(error)
    message = str(error).strip()
    unparsed = getattr(error, "override", None)
    if unparsed is not None:
        return _describe_unparsed(str(unparsed))
    unknown = re.match(r"Could not override '([^']+)'", message)
    if unknown:
        return _describe_unknown_field(unknown[1])
    missing_option = re.match(r"(?:In '[^']*': )?Could not find '([^']+)'", message)
    if missing_option:
        options = re.findall(r"^\t(.+)$", message.split("Config search path")[0], re.MULTILINE)
        name = "=".join(missing_option[1].rsplit("/", 1))
        return f"{name}: no such choice" + (f"; allowed are {', '.join(options)}" if options else "")
    return " ".join(message.split("\n\n")[0].split())


def _describe_unknown_field(name: str) -> str:
    """Name the fields of the deepest part of the config that `name` still fits."""
    if name.startswith("hydra."):
        return f"{name}: no such field; --cfg hydra shows those that there are"
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
    """What a sweeper, a launcher, a callback or logging says of a setting that it was given."""
    place = _place_of(error) or "hydra"
    unknown = _UNKNOWN.search(str(error))
    if unknown:
        return f"{place}.{unknown[2]}: no such setting; {_allowed(unknown[1])}"
    reasons = [error, error.__cause__]
    told = [f"{type(reason).__name__}: {reason}" for reason in reasons if reason is not None]
    return f"{place}: {' '.join(', '.join(told).split())}"


def _allowed(name: str) -> str:
    """Which settings a sweeper or launcher has."""
    classes = {known.__name__: known for known in Plugins.instance().class_name_to_class.values()}
    names = list(inspect.signature(classes[name]).parameters) if name in classes else []
    return f"allowed for {name} are {', '.join(names)}" if names else f"{name} has none"


def _describe_unparsed(override: str) -> str:
    """Hydra's grammar knows bare words of ASCII letters; everything else needs quotes of its own."""
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
