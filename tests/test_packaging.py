"""What is installed from a wheel works without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_an_installed_wheel_finds_its_conf(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    page = ROOT / "musicgen" / "listening" / "page"
    assert {path.name for path in page.iterdir()} == {
        path.name for path in (installed / "musicgen/listening/page").iterdir()
    }
    done = subprocess.run(
        [sys.executable, "-m", "musicgen.train", "--cfg", "job", "model=lstm"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "cell: lstm" in done.stdout, done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "import musicgen; print(musicgen.__file__)"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(installed))
