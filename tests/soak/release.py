"""Is what would be released whole? Build it, install it into an empty environment, run it there.

    python -m tests.soak.release [--folder DIR]

An sdist is built, and a wheel from that sdist alone. The wheel is installed with the versions of
constraints.txt into an environment that has nothing, and from an empty folder, this checkout out of reach,
makes songs (`experiment=smoke`). Needs a package index. Exits with 1 where a step fails or songs are missing.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from musicgen import __version__

ROOT = Path(__file__).parents[2]
SONG_FILES = ("*.abc", "*.mid", "*.wav", "*.svg", "*.png")
"""Kinds of files of each song that is rendered."""


def build(folder: Path) -> Path:
    """Build sdist and, out of it, wheel; returns the wheel."""
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    for file in (sdist, wheel):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB", flush=True)
        if f"-{__version__}" not in file.name:
            raise SystemExit(f"{file.name} does not name version {__version__}")
    return wheel


def install(wheel: Path, environment: Path) -> Path:
    """Install the wheel into a fresh environment; returns its Python."""
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    _run([python, "-m", "pip", "install", "-q", "-c", constraints, wheel], environment)
    _run([python, "-m", "pip", "check"], environment)
    return python


def make_songs(python: Path, folder: Path) -> None:
    """Run the pipeline with the installed package from an empty folder."""
    folder.mkdir()
    version = _run([python, "-c", "import musicgen; print(musicgen.__version__)"], folder).strip()
    if version != __version__:
        raise SystemExit(f"installed is version {version}, not {__version__}")
    directory = Path(_run([python, "-m", "musicgen.train", "experiment=smoke"], folder).splitlines()[-1])
    for kind in SONG_FILES:
        if not list((folder / directory / "tunes").glob(kind)):
            raise SystemExit(f"{directory} has no {kind} of a song")


def _run(command: list[object], folder: Path) -> str:
    started = time.perf_counter()
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    print(
        f"{time.perf_counter() - started:6.1f} s  {' '.join(Path(word).name for word in words)}", flush=True
    )
    if done.returncode:
        raise SystemExit(f"failed with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install, run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, help="an empty folder to work in; left as it is at the end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        python = install(build(folder), folder / "environment")
        make_songs(python, folder / "elsewhere")
    print("built, installed, and songs made")


if __name__ == "__main__":
    main()
