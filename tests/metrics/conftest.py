"""Corpora for the metrics: O'Neill's from music21's files, and the MIT course's if available."""

import importlib.util
import re
from pathlib import Path

import pytest


def split_tunes(text: str) -> list[str]:
    parts = re.split(r"\n(?=X:)", text.replace("\r\n", "\n"))
    return [part[part.index("X:") :].strip() + "\n" for part in parts if "X:" in part]


@pytest.fixture(scope="session")
def oneills() -> list[str]:
    """300 tunes of O'Neill's collection."""
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("music21, whose files hold O'Neill's, is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "corpus" / "oneills1850"
    tunes = [
        tune
        for path in sorted(folder.glob("*.abc"))
        for tune in split_tunes(path.read_text(encoding="latin-1"))
    ]
    return tunes[:1500:5]


@pytest.fixture(scope="session")
def irish(irish_folder: Path) -> list[str]:
    """The distinct tunes of the course's corpus."""
    tunes = split_tunes((irish_folder / "irish.abc").read_text(encoding="utf-8"))
    return list({tune.split("\nK:", 1)[-1]: tune for tune in tunes}.values())
