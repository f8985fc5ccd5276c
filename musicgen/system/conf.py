"""Where the config files are."""

from pathlib import Path


def conf_folder() -> Path:
    """The folder of config files: inside the installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def corpus_names() -> list[str]:
    """The corpora of conf/data, which need no path."""
    return sorted({path.stem for path in (conf_folder() / "data").glob("*.yaml")} - {"file"})
