"""Installed packages that offer something, and the package of docs/extending.md."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def install(
    folder: Path, module: str, code: str, group: str = "musicgen.trackers", **entry_points: str
) -> None:
    """Put a package with a module into a folder, as pip does with --target.

    entry_points: name -> its module and object.
    """
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n"
    (information / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    points = "\n".join([f"[{group}]", *lines])
    (information / "entry_points.txt").write_text(f"{points}\n", encoding="utf-8")


def write_documented(folder: Path) -> None:
    """Write the package of docs/extending.md: each block of Python or TOML that begins with its path."""
    blocks = re.findall(r"```\w+\n# (\S+\.(?:py|toml))\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for name, text in blocks:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def install_documented(folder: Path) -> Path:
    """Install the package of docs/extending.md with pip; returns the folder for Python's path."""
    project, installed = folder / "my-package", folder / "installed"
    write_documented(project)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", installed, project], check=True)
    return installed
