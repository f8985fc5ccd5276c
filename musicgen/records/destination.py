"""Checks that a command may write into a folder, so that it never overwrites files of others.

A run needs a folder without any of its file names, or its own folder from an earlier attempt that did not
finish. Files that commands rewrite (tables, a report) must bear a mark that musicgen wrote them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from musicgen.config import Config, resolve
from musicgen.errors import InputError
from musicgen.records.identity import ONCE_WITHOUT
from musicgen.records.record import FILE_NAME, RunRecord
from musicgen.records.runs import EFFECTS, NOISE, PLAN, RUNS

MADE_BY_HYDRA = (".hydra", "train.log")
MADE_BY_A_RUN = (
    *(FILE_NAME, "history.csv", "tunes.abc", "kept.abc", "tunes.csv", "tunes", "plots"),
    *("comet", "tensorboard"),
)
MARK_OF_A_SWEEP = "multirun.yaml"
MADE_BY_A_SWEEP = (PLAN, RUNS, EFFECTS, NOISE, "plots", "comet")
CONFIRMATION = "confirmation"
"""Subfolder with the runs on fresh seeds that confirm what a search or a first stage chose."""
MADE_BY_A_SEARCH = (
    *("search.json", "trials.csv", "optimization_results.yaml", "conf", "artifacts"),
    CONFIRMATION,
)
MADE_BY_A_COMPARISON = (RUNS, EFFECTS, NOISE, "plots")
MADE_IN_A_SAMPLE = ("tunes.abc", "kept.abc", "tunes.csv", "tunes")
MADE_BY_RATINGS = ("ratings.csv", "listening.csv", "agreement.csv")
MADE_BY_CHOICES = ("choices.csv", "preferences.csv")
MARK_OF_A_PAGE = b"musicgen report</title>"
_FIRST_COLUMNS = b"directory,status,"
_MAX_BYTES_TO_A_MARK = 2**20
OTHER_FOLDER = "name another folder, or leave the setting out"


def check_run_folder(
    folder: Path, config: Callable[[], Config], by_hydra: Sequence[str] = MADE_BY_HYDRA
) -> None:
    """Raise InputError unless a run with this config may write into the folder.

    config: called only if the folder already contains a run; may raise InputError.
    by_hydra: names that Hydra is about to write there; empty if it already has.
    """
    if os.path.lexists(folder / FILE_NAME):
        _check_same_run(folder, config)
    else:
        _check_names_are_free(folder, (*by_hydra, *MADE_BY_A_RUN), "a run")


def check_sweep_folder(folder: Path) -> None:
    """Raise InputError if a sweep or a search would overwrite files of others in the folder."""
    if not _is_sweep(folder):
        _check_names_are_free(folder, (MARK_OF_A_SWEEP, *MADE_BY_A_SWEEP, *MADE_BY_A_SEARCH), "a sweep")


def check_comparison_folder(folder: Path) -> None:
    """Raise InputError if tables and figures would overwrite files that musicgen did not write."""
    if not (_is_sweep(folder) or _holds(folder / RUNS, _FIRST_COLUMNS)):
        _check_names_are_free(folder, MADE_BY_A_COMPARISON, "the comparison", "name another one with --out")


def check_report_folder(folder: Path, names: Sequence[str]) -> None:
    """Raise InputError if a report with these files would overwrite files that musicgen did not write."""
    if not _holds(folder / names[0], MARK_OF_A_PAGE):
        _check_names_are_free(folder, names, "the report", "name another one with --out")


def check_sample_folder(folder: Path) -> None:
    """Raise InputError if sampled tunes would overwrite files."""
    _check_names_are_free(folder, MADE_IN_A_SAMPLE, "the sample", "name another one with --out")


def check_new_session(folder: Path, *, is_choice: bool) -> None:
    """Raise InputError if the tables of a new listening session would overwrite files."""
    names = MADE_BY_CHOICES if is_choice else MADE_BY_RATINGS
    _check_names_are_free(folder, names, "the session", "name another one with --out")


def check_evaluation_files(json: Path | None, csv: Path | None) -> None:
    """Raise InputError if the results would overwrite each other, or a file that no evaluation wrote.

    run.json and tunes.csv of a run have the same contents in other places, so only the beginning counts.
    """
    if json is not None and csv is not None and json.resolve() == csv.resolve():
        raise InputError(f"{csv}: --json and --csv must name different files")
    for path, beginning in ((json, b'{"metrics":'), (csv, b"tune,title,")):
        if path is not None and os.path.lexists(path) and not _begins_with(path, beginning):
            raise InputError(f"{path}: exists and is not the result of an evaluation; name another file")


def is_of_sweep(run_directory: Path) -> bool:
    """Whether the run is in a sweep: SWEEP/ARM/seed=0, SWEEP/confirmation/ARM/seed=0 or SWEEP/0."""
    return any(map(_is_sweep, run_directory.absolute().parents[:3]))


def _is_sweep(folder: Path) -> bool:
    """Whether the folder contains one of our sweeps: other Hydra programs also write multirun.yaml."""
    mark = folder / MARK_OF_A_SWEEP
    # Older sweeps name a callback in musicgen.study.
    return _holds(mark, b"musicgen.sweep.") or _holds(mark, b"musicgen.study.")


def _holds(path: Path, mark: bytes) -> bool:
    return mark in _start_of(path)


def _begins_with(path: Path, beginning: bytes) -> bool:
    """Whether the file begins so, apart from white space."""
    return b"".join(_start_of(path).split()).startswith(beginning)


def _start_of(path: Path) -> bytes:
    """The first part of a file; empty for a link and for what cannot be read."""
    if path.is_symlink():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES_TO_A_MARK)
    except OSError:
        return b""


def _check_names_are_free(folder: Path, names: Sequence[str], of: str, instead: str = OTHER_FOLDER) -> None:
    taken = next((name for name in names if _is_taken(folder / name)), None)
    if taken is not None:
        raise InputError(f"{folder}: already has {taken}, which {of} would overwrite; {instead}")


def holds_finished_run(folder: Path, run_id: str, config: Config) -> bool:
    """Whether the folder contains the complete result of the run with this identity and config."""
    try:
        record = RunRecord.read(folder)
    except InputError:
        return False
    is_same = record.run_id == run_id and _comparable(record.config) == _comparable(config.as_dict())
    return is_same and record.status == "complete"


def complete_run(folder: Path, config: Callable[[], Config]) -> RunRecord | None:
    """The record of the folder's run, if it is complete and has this config.

    config: called only if the run is complete; may raise InputError.
    """
    try:
        record = RunRecord.read(folder)
    except InputError:
        return None
    if record.status != "complete":
        return None
    return record if _comparable(record.config) == _comparable(resolve(config()).as_dict()) else None


def _is_taken(path: Path) -> bool:
    """Whether the path is a file, a link or a folder that is not empty."""
    is_empty_folder = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    return os.path.lexists(path) and not is_empty_folder


def _check_same_run(folder: Path, config: Callable[[], Config]) -> None:
    try:
        record = RunRecord.read(folder)
    except InputError as error:
        raise InputError(f"{folder}: already has a damaged {FILE_NAME}; {OTHER_FOLDER}") from error
    if record.status == "complete":
        raise InputError(f"{folder}: already contains a complete run; {OTHER_FOLDER}")
    if _comparable(record.config) != _comparable(resolve(config()).as_dict()):
        raise InputError(f"{folder}: already contains a run with another config; {OTHER_FOLDER}")


def _comparable(config: Mapping[str, object]) -> dict[str, object]:
    """The config without values that may change when a run resumes: paths, tracker, sweep, a trial's rung."""
    values = {name: value for name, value in config.items() if name not in ("paths", "study", "tracker")}
    study = config.get("study")
    # A run that chose changes must not become one that judges them.
    values["stages"] = bool(isinstance(study, Mapping) and study.get("stages"))
    for group, once_without in ONCE_WITHOUT.items():
        given = values.get(group)
        if isinstance(given, Mapping):
            values[group] = {**once_without, **given}
    training = values.get("training")
    if isinstance(training, dict):
        training["stop_iteration"] = None
        if training["max_minutes"] is not None:
            # A record has the number of iterations that fit, a config before its run the wanted one.
            training["num_iterations"] = None
    return values
