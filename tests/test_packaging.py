"""The built package works without the checkout, and its dependencies are listed."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import musicgen

ROOT = Path(__file__).parent.parent
EXTRAS = ("joblib", "ray", "slurm", "postgresql", "tensorboard")


@pytest.mark.slow
def test_the_built_package_works_without_the_checkout(tmp_path: Path) -> None:
    # The wheel is built from the sdist, so this tests both.
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob(f"musicgen-{musicgen.__version__}-*.whl")
    (sdist,) = tmp_path.glob(f"musicgen-{musicgen.__version__}.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert names >= {"CHANGELOG.md", "LICENSE", "constraints.txt", "conf/config.yaml", "NOTICE.md"}
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert (installed / "musicgen" / "py.typed").is_file()
    for page in ("listening/page", "playing/page", "system/page_parts"):
        files = [{path.name for path in (place / "musicgen" / page).iterdir()} for place in (ROOT, installed)]
        assert files[0] == files[1]

    def run_installed(*arguments: str) -> str:
        command, environment = [sys.executable, *arguments], os.environ | {"PYTHONPATH": str(installed)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "cell: lstm" in run_installed("-m", "musicgen.train", "--cfg", "job", "model=lstm")
    assert run_installed("-c", "import musicgen; print(musicgen.__file__)").startswith(str(installed))


def test_every_installed_package_has_its_licence_listed() -> None:
    listed = set(re.findall(r"[\w.-]+", (ROOT / "NOTICE.md").read_text(encoding="utf-8")))
    assert dependencies() - listed == set()


def test_every_installed_package_has_its_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}
    assert dependencies() - pinned == set()


def dependencies() -> set[str]:
    """Names of all packages installed with musicgen and the extras for users."""
    known: set[tuple[str, str]] = set()
    pending = [("musicgen", extra) for extra in ("", *EXTRAS)]
    while pending:
        name, extra = pending.pop()
        if (name, extra) in known:
            continue
        known.add((name, extra))
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed; this test needs the extra dev")
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(requirement.name)
                pending += [(needed, each) for each in ("", *requirement.extras)]
    return {name for name, _ in known} - {"musicgen"}
