"""Build a release, install it into an empty environment, and run it there.

    python -m tests.soak.release [--folder DIR]

Builds an sdist, and a wheel from that sdist alone. Installs the wheel into an empty environment, with the
versions of constraints.txt, and makes songs (`experiment=smoke`) from an empty folder, without access to this
checkout. Needs a package index. Exits with 1 if a step fails or songs are missing.
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
"""Files of each rendered song."""


def build(folder: Path) -> Path:
    """Build the sdist, and from it the wheel; returns the wheel."""
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    for file in (sdist, wheel):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB", flush=True)
        if f"-{__version__}" not in file.name:
            raise SystemExit(f"{file.name} is not named after version {__version__}")
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
            raise SystemExit(f"{directory}/tunes has no {kind}")


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
    """Build, install and run the package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, help="an empty folder to work in; it is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        python = install(build(folder), folder / "environment")
        make_songs(python, folder / "songs")
    print("built and installed; the songs are complete")


if __name__ == "__main__":
    main()
