"""The folder of a kept study: which of its files are ours, and how a new study replaces the old one."""

import filecmp
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from musicgen.errors import InputError
from musicgen.records.runs import PLAN
from musicgen.reporting.material import Material
from musicgen.system.files import files_below, move_files, remove_empty_folder, remove_file, unfinished_folder

README, WORDS, BASELINE = "README.md", "findings.md", "baseline.json"
RUNS, EFFECTS, NOISE = "runs.csv", "effects.csv", "noise.csv"
FIGURES, SONGS = "figures", "songs"
MARK = "<!-- Written by musicgen.report --keep, which writes it again; words of your own: findings.md -->"
_TABLES = (RUNS, EFFECTS, NOISE, PLAN, BASELINE)
_LINK = re.compile(rf"\]\(({FIGURES}/\w[\w-]*\.(?:png|svg)|{SONGS}/\d+\.(?:abc|ogg|svg))\)")
"""A file with a name of ours, as README.md leads to it."""


def check_folder(material: Material, folder: Path) -> None:
    """Raise InputError where the folder holds the runs themselves, or what somebody else put there.

    That is a README.md without our mark, or a link where a folder of ours belongs: it may lead anywhere.
    """
    if folder.resolve().is_relative_to(material.root) or any(
        folder.resolve() == run.directory.resolve() for run in material.all_runs
    ):
        raise InputError(f"--keep {folder}: lies among the runs; a folder of a repository is needed")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--keep {folder}: is not a folder")
    if (folder / README).exists() and _own_readme(folder) is None:
        raise InputError(f"--keep {folder}: holds a {README} that it did not write; choose another folder")
    for name in (FIGURES, SONGS):
        place = folder / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise InputError(f"--keep {folder}: {name} is not a folder of its own; remove or rename it")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give a temporary folder for a study, which replaces the one in `folder` when the block ends well.

    Only files that the README.md of the old study lists are replaced or removed. The new README.md comes
    before the files that it lists: a call after a kill then knows all of them. Raises InputError where a
    file of somebody else's has the name of a new one.
    """
    with unfinished_folder(folder) as place:
        yield place
        old, new = _listed_files(folder), files_below(place)
        changed = [name for name in new if not _is_same(place / name, folder / name)]
        for name in changed:
            if (folder / name).is_dir() or (os.path.lexists(folder / name) and name not in old):
                raise InputError(f"--keep {folder}: {name} was not written by it; move or rename that file")
        for name in sorted(old - set(new)):
            if not (folder / name).is_dir():
                remove_file(folder / name)
        move_files(place, folder, sorted(changed, key=lambda name: name != Path(README)))
        for name in (FIGURES, SONGS):
            remove_empty_folder(folder / name)


def _listed_files(folder: Path) -> set[Path]:
    """The files that an earlier call wrote to the folder, by its README.md."""
    text = _own_readme(folder)
    if text is None:
        return set()
    return {Path(name) for name in (README, *_TABLES, *_LINK.findall(text))}


def _own_readme(folder: Path) -> str | None:
    """The text of README.md if it carries our mark."""
    try:
        text = (folder / README).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    return text if text.startswith(MARK) else None


def _is_same(new: Path, old: Path) -> bool:
    return old.is_file() and not old.is_symlink() and filecmp.cmp(new, old, shallow=False)
