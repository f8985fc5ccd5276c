"""YAML files of sweeps, which may come from somebody else: plain values of a bounded size."""

from pathlib import Path
from typing import Any

import yaml

from musicgen.errors import InputError
from musicgen.system.files import read_whole

MAX_BYTES = 2**20
"""Of a file; the multirun.yaml of a sweep has 10,000."""


class _PlainLoader(yaml.SafeLoader):
    """Without aliases, by which a few lines unfold to gigabytes; no file of ours has one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"an alias in line {self.peek_event().start_mark.line + 1}")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> object:
    """The values of the file. Raises InputError if it cannot be read, is a link, or holds aliases."""
    try:
        text = read_whole(path, MAX_BYTES, follows_links=False).decode("utf-8")
        return yaml.load(text, _PlainLoader)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read: {reason}") from error
