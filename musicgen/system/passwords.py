"""Removes passwords from addresses: commands, configs and errors are stored, shown and shared."""

import re

_USER = re.compile(r"(//[^\s/:@'\"]*):[^\s'\"]*@")
"""user:password@ after two slashes, up to the last @ of the word: a password may contain any character."""
_QUERY = re.compile(r"([?&;][^\s=&'\"]*(?:pass|secret|token)[^\s=&'\"]*=)[^\s&'\"]*", re.IGNORECASE)
_STORAGE = re.compile(r"^(\+{0,2}hydra\.sweeper\.storage=[\"']?)(.*?)([\"']?)$", re.DOTALL)
_SAFE_ADDRESS = re.compile(r"[\w+]+://(?:[^\s/:@?]*@)?[^\s@?]*(?:\?[^\s@]*)?")
HIDDEN = "hidden"


def without_passwords(text: str) -> str:
    """Return the text without the passwords of the addresses in it: postgresql://me@host/music."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1@", text))


def shown_address(address: str) -> str:
    """Return a storage's address without its password; a malformed address is hidden completely."""
    shown = without_passwords(address)
    return shown if "${" in shown or _SAFE_ADDRESS.fullmatch(shown) else HIDDEN


def is_storage(override: str) -> bool:
    """Return whether a Hydra override sets the storage of a search."""
    return _STORAGE.match(override) is not None


def override_without_password(override: str) -> str:
    """Return the override without passwords."""
    storage = _STORAGE.match(override)
    if storage is None:
        return without_passwords(override)
    return f"{storage[1]}{shown_address(storage[2])}{storage[3]}"
