"""The folder of a kept study: which files in it are ours, and how a new study replaces the old one."""

import filecmp
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from musicgen.errors import InputError
from musicgen.records.runs import EFFECTS, NOISE, PLAN, RUNS
from musicgen.reporting.study_data import StudyData
from musicgen.system.files import files_below, move_files, remove_empty_folder, remove_file, unfinished_folder

README, WORDS, BASELINE = "README.md", "findings.md", "baseline.json"
FIGURES, SONGS = "figures", "songs"
MARK = "<!-- Written by musicgen.report --keep, which overwrites this page; your own words: findings.md -->"
OLD_MARK = "<!-- Written by musicgen.report --keep, which writes it again; words of your own: findings.md -->"
"""The first line of pages kept by earlier versions."""
_TABLES = (RUNS, EFFECTS, NOISE, PLAN, BASELINE)
_LINK = re.compile(rf"\]\(({FIGURES}/\w[\w-]*\.(?:png|svg)|{SONGS}/\d+\.(?:abc|ogg|svg))\)")
"""A link in README.md to one of our files."""


def check_folder(study: StudyData, folder: Path) -> None:
    """Raise InputError if the folder is inside the runs, or has a README.md or links that are not ours."""
    runs = [*study.folders, *(run.directory.resolve() for run in study.all_runs)]
    if any(folder.resolve().is_relative_to(one) for one in runs):
        raise InputError(
            f"--keep {folder}: is inside the runs; choose a folder outside, such as experiments/NAME"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--keep {folder}: is not a folder")
    if (folder / README).exists() and _own_readme(folder) is None:
        raise InputError(f"--keep {folder}: has a {README} that --keep did not write; choose another folder")
    for name in (FIGURES, SONGS):
        place = folder / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise InputError(f"--keep {folder}: {name} is not a plain folder; remove or rename it")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files replace the study in `folder` when the block succeeds.

    Only files that the old study's README.md lists are replaced or removed. The new README.md is moved
    first, so that a call after a kill knows every file it lists. Raises InputError if a new file would
    replace one that is not ours.
    """
    with unfinished_folder(folder) as place:
        yield place
        old, new = _listed_files(folder), files_below(place)
        changed = [name for name in new if not _is_same(place / name, folder / name)]
        for name in changed:
            if (folder / name).is_dir() or (os.path.lexists(folder / name) and name not in old):
                raise InputError(
                    f"--keep {folder}: {name} was not written by --keep; move or rename that file"
                )
        for name in sorted(old - set(new)):
            if not (folder / name).is_dir():
                remove_file(folder / name)
        move_files(place, folder, sorted(changed, key=lambda name: name != Path(README)))
        for name in (FIGURES, SONGS):
            remove_empty_folder(folder / name)


def _listed_files(folder: Path) -> set[Path]:
    """The files that an earlier call wrote, as listed in its README.md."""
    text = _own_readme(folder)
    if text is None:
        return set()
    return {Path(name) for name in (README, *_TABLES, *_LINK.findall(text))}


def _own_readme(folder: Path) -> str | None:
    """The text of README.md if it starts with our mark."""
    try:
        text = (folder / README).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    return text if text.startswith((MARK, OLD_MARK)) else None


def _is_same(new: Path, old: Path) -> bool:
    return old.is_file() and not old.is_symlink() and filecmp.cmp(new, old, shallow=False)
