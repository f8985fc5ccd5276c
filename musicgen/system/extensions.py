"""Finds what other packages add: by the name of an entry point, or by a path such as `package.module:Class`.

Installing a package is a decision to run its code. A path in a config is not: configs and records of runs
come from other people, importing a module runs it, and a path could name any function on this machine. So a
path is followed only into modules that the environment variable MUSICGEN_TRUST lists, or to what an installed
package announces anyway. No config can set that variable: `sweep/job.py` refuses one that tries.
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from musicgen.errors import InputError, one_line
from musicgen.system.files import source_code

TRUST = "MUSICGEN_TRUST"
_MODULE = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_PATH = re.compile(rf"({_MODULE}):[^\W\d]\w*")


def trusted_modules() -> list[str]:
    """The modules in MUSICGEN_TRUST, each with all modules below it; they can be imported from here on.

    Raises InputError for anything but names of modules.
    """
    names = [name.strip() for name in os.environ.get(TRUST, "").split(",") if name.strip()]
    for name in names:
        if not re.fullmatch(_MODULE, name):
            raise InputError(
                f"{TRUST}: {one_line(name)} is not a module; expected names such as my_package,other.module"
            )
    # As with `python -m`, which the musicgen command is not, they may be in the current folder.
    if names and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return names


def is_trusted(module: str) -> bool:
    """Whether MUSICGEN_TRUST lists the module or one above it."""
    return any(f"{module}.".startswith(f"{name}.") for name in trusted_modules())


def how_to_trust(module: str) -> str:
    """What to do, for the end of an error about a module of the user's."""
    return (
        "a config must not choose which code runs; if this code is yours, set "
        f"{TRUST}={module} in the environment"
    )


class ExtensionError(InputError):
    """Something of another package is missing, not trusted, or cannot be imported."""


@dataclass(frozen=True, slots=True)
class Extensions:
    """What other packages can add of one kind."""

    group: str
    """Of entry points."""
    kind: str
    """In errors."""
    built_in: tuple[str, ...] = ()
    """Names that are taken: they always mean this package's own."""
    path_form: str = ""
    """How a path is written; "" if only installed packages count."""

    def path_of(self, name: str, where: str) -> str:
        """The path behind a name or a path, without importing anything; raises InputError.

        where: the setting and its value, which begin the error.
        """
        path = _PATH.fullmatch(name) if self.path_form else None
        if path is None:
            return _installed(self, name, where)
        if not is_trusted(path[1]) and name not in _points(self.group).values():
            raise ExtensionError(f"{where}: {how_to_trust(path[1])}")
        return name

    def load(self, name: str, where: str) -> Callable[..., Any]:
        """The function or class of this name or at this path; raises InputError."""
        path = self.path_of(name, where)
        try:
            loaded = resolve_name(path)
        except Exception as error:  # Importing a package may raise anything.
            reason = one_line(f"{type(error).__name__}: {error}")
            raise ExtensionError(f"{where}: {path} cannot be imported: {reason}") from error
        if not callable(loaded):
            raise ExtensionError(f"{where}: {path} is not a function or a class")
        return loaded

    def code_of(self, name: str, where: str) -> str:
        """The path and a digest of the source code behind a name: equal names may mean other code later.

        The code is that of the module, or of all modules in its folder if it belongs to a package. Raises
        InputError.
        """
        self.load(name, where)
        path = self.path_of(name, where)
        module = sys.modules[path.partition(":")[0]]
        file = getattr(module, "__file__", None)
        if file is None:
            return path
        code = source_code(Path(file).parent) if module.__package__ else Path(file).read_bytes()
        return f"{path}@{hashlib.sha256(code).hexdigest()[:16]}"


@cache
def _installed(extensions: Extensions, name: str, where: str) -> str:
    # Errors are not cached: a notebook may install the package now and try again.
    points = _points(extensions.group)
    if name not in points:
        names = ", ".join([*extensions.built_in, *sorted(points.keys() - set(extensions.built_in))])
        form = f", or a path such as {extensions.path_form}" if extensions.path_form else ""
        raise ExtensionError(f"{where}: no such {extensions.kind}; installed are {names or 'none'}{form}")
    return points[name]


def _points(group: str) -> dict[str, str]:
    """Name -> path of each entry point of a group."""
    return {point.name: f"{point.module}:{point.attr}" for point in entry_points(group=group)}
