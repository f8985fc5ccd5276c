import os
from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.system.plain_yaml import MAX_BYTES, read_yaml


def test_plain_values_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("hydra: {overrides: {task: [a=1], hydra: []}}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"hydra": {"overrides": {"task": ["a=1"], "hydra": []}}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x]\nb: *a\n", "an alias in line 2"),
        ("a: &a {x: 1}\nb: {<<: *a}\n", "an alias in line 2"),
        ("[" * 20_000, "recursion"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: " + "9" * 5000, "4300"),
        ("a: 2026-99-99", "month"),
        ("a: [", "expected"),
        ("a" * (MAX_BYTES + 1), "larger than the limit of 1 MiB"),
    ],
)
def test_aliases_and_invalid_yaml_are_one_line(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=reason) as refusal:
        read_yaml(tmp_path / "a.yaml")
    assert "\n" not in str(refusal.value)


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("a: 1")
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    os.mkfifo(tmp_path / "c.yaml")
    for name, reason in (
        ("a.yaml", "is a link"),
        ("c.yaml", "is not a regular file"),
        ("d.yaml", "No such file"),
    ):
        with pytest.raises(InputError, match=reason):
            read_yaml(tmp_path / name)
