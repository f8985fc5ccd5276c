"""Reads YAML files that may come from somebody else: plain values of bounded size."""

from pathlib import Path
from typing import Any

import yaml

from musicgen.errors import InputError
from musicgen.system.files import read_whole

MAX_BYTES = 2**20
"""The multirun.yaml of a sweep has about 10,000."""


class _PlainLoader(yaml.SafeLoader):
    """Rejects aliases, which can expand a few lines to gigabytes; our own files have none."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"an alias in line {self.peek_event().start_mark.line + 1}")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> object:
    """Return the file's values. Raises InputError if it cannot be read, is a link, or contains aliases."""
    try:
        text = read_whole(path, MAX_BYTES, follows_links=False).decode("utf-8")
        return yaml.load(text, _PlainLoader)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read: {reason}") from error
