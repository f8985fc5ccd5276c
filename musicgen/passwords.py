"""Addresses without the passwords in them: commands, configs and errors are kept, shown and shared."""

import re

_USER = re.compile(r"(//[^\s/:@'\"]*):[^\s'\"]*@")
"""user:password@ behind two slashes, up to the last @ of the word: a password may hold any sign."""
_QUERY = re.compile(r"([?&;][^\s=&'\"]*(?:pass|secret|token)[^\s=&'\"]*=)[^\s&'\"]*", re.IGNORECASE)
_STORAGE = re.compile(r"^\+{0,2}hydra\.sweeper\.storage=")
_SAFE_ADDRESS = re.compile(r"[\w+]+://(?:[^\s/:@?]*@)?[^\s@?]*")


def without_passwords(text: str) -> str:
    """The text with the password of every address in it left out: postgresql://me@host/music."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1@", text))


def override_without_password(override: str) -> str:
    """An override as Hydra has it. Of a search's storage, an address that is misspelt goes altogether."""
    shown = without_passwords(override)
    name = _STORAGE.match(shown)
    if name is None:
        return shown
    value = shown[name.end() :].strip("\"'")
    return shown if "${" in value or _SAFE_ADDRESS.fullmatch(value) else f"{name[0]}(address)"
