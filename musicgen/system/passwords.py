"""Removes passwords from addresses: commands, configs and errors are stored, shown and shared."""

import re
from collections.abc import Mapping

_USER = re.compile(r"(//[^\s/:@'\"]*):[^\s'\"]*@")
"""user:password@ after two slashes, up to the last @ of the word: a password may contain any character."""
_QUERY = re.compile(r"([?&;][^\s=&'\"]*(?:pass|secret|token)[^\s=&'\"]*=)[^\s&'\"]*", re.IGNORECASE)
_SECRET = re.compile(r"pass|secret|token", re.IGNORECASE)
_STORAGE = re.compile(r"^(\+{0,2}hydra\.sweeper\.storage[\w.]*=[\"']?)(.*?)([\"']?)$", re.DOTALL)
_SAFE_ADDRESS = re.compile(r"[\w+]+://(?:[^\s/:@?]*@)?[^\s@?]*(?:\?[^\s@]*)?")
HIDDEN = "hidden"


def without_passwords(text: str) -> str:
    """Return the text without the passwords of the addresses in it: postgresql://me@host/music."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1@", text))


def shown_address(address: str) -> str:
    """Return a storage's address without its password; a malformed address is hidden completely."""
    shown = without_passwords(address)
    return shown if "${" in shown or _SAFE_ADDRESS.fullmatch(shown) else HIDDEN


def shown_storage(setting: object, name: str = "url") -> object:
    """Return the setting of a storage, an address or an object with its arguments, without passwords."""
    if isinstance(setting, Mapping):
        return {name: shown_storage(value, str(name)) for name, value in setting.items()}
    if _SECRET.search(name):
        return HIDDEN
    if isinstance(setting, str) and (name == "url" or "://" in setting):
        return shown_address(setting)
    return setting


def is_storage(override: str) -> bool:
    """Return whether a Hydra override sets the storage of a search, or a part of it."""
    return _STORAGE.match(override) is not None


def override_without_password(override: str) -> str:
    """Return the override without passwords."""
    storage = _STORAGE.match(override)
    if storage is None:
        return without_passwords(override)
    is_object = storage[2].startswith("{") and not ("@" in storage[2] or _SECRET.search(storage[2]))
    shown = storage[2] if is_object else shown_address(storage[2])
    return f"{storage[1]}{shown}{storage[3]}"
