"""An archive of Comet on the disk: what its name and its content say without Comet."""

import json
import zipfile
from pathlib import Path


def experiment_key(archive: Path) -> str:
    """The key under which the experiment of an archive is, or will be, on Comet."""
    return archive.stem.partition("-")[0]


def is_addition(archive: Path) -> bool:
    """Whether it continues an experiment, which Comet has to have before."""
    return "-" in archive.stem


def is_empty(archive: Path) -> bool:
    """Whether nothing is in it: Comet makes it when a run starts and fills it when the run ends."""
    try:
        with zipfile.ZipFile(archive) as content:
            return not content.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def problem_of(archive: Path) -> str | None:
    """What is wrong with it, as the end of a sentence; None where it is whole."""
    try:
        with zipfile.ZipFile(archive) as content:
            damaged = content.testzip()
            experiment = json.loads(content.read("experiment.json"))
            lacking = experiment.get("customer_error_message")
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        return f"is not whole: {' '.join(str(error).split())}"
    if damaged is not None:
        return f"is not whole: {damaged} is damaged"
    return f"lacks something: {' '.join(lacking.split())}" if lacking else None
