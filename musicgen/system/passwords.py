"""Addresses without the passwords in them: commands, configs and errors are kept, shown and shared."""

import re

_USER = re.compile(r"(//[^\s/:@'\"]*):[^\s'\"]*@")
"""user:password@ behind two slashes, up to the last @ of the word: a password may hold any sign."""
_QUERY = re.compile(r"([?&;][^\s=&'\"]*(?:pass|secret|token)[^\s=&'\"]*=)[^\s&'\"]*", re.IGNORECASE)
_STORAGE = re.compile(r"^(\+{0,2}hydra\.sweeper\.storage=[\"']?)(.*?)([\"']?)$", re.DOTALL)
_SAFE_ADDRESS = re.compile(r"[\w+]+://(?:[^\s/:@?]*@)?[^\s@?]*(?:\?[^\s@]*)?")
HIDDEN = "hidden"


def without_passwords(text: str) -> str:
    """The text with the password of every address in it left out: postgresql://me@host/music."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1@", text))


def shown_address(address: str) -> str:
    """The address of a storage without its password. Of a misspelt one nothing says where the password is."""
    shown = without_passwords(address)
    return shown if "${" in shown or _SAFE_ADDRESS.fullmatch(shown) else HIDDEN


def is_storage(override: str) -> bool:
    """Whether the override, as Hydra has it, says where a search keeps its trials."""
    return _STORAGE.match(override) is not None


def override_without_password(override: str) -> str:
    """The override with no password in it."""
    storage = _STORAGE.match(override)
    if storage is None:
        return without_passwords(override)
    return f"{storage[1]}{shown_address(storage[2])}{storage[3]}"
