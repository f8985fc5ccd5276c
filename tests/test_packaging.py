"""The built package works without the checkout, its dependencies are listed, and so is how to install it."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import musicgen
from musicgen.errors import how_to_install

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = PROJECT["name"]
EXTRAS = ("joblib", "ray", "slurm", "postgresql", "tensorboard")


@pytest.mark.slow
def test_the_built_package_works_without_the_checkout(tmp_path: Path) -> None:
    # The wheel is built from the sdist, so this tests both.
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob(f"musicgen_sweeps-{musicgen.__version__}-*.whl")
    (sdist,) = tmp_path.glob(f"musicgen_sweeps-{musicgen.__version__}.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert names >= {"CHANGELOG.md", "LICENSE", "constraints.txt", "conf/config.yaml", "NOTICE.md"}
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert (installed / "musicgen" / "py.typed").is_file()
    page = ROOT / "musicgen" / "listening" / "page"
    packed = installed / "musicgen" / "listening" / "page"
    assert {path.name for path in page.iterdir()} == {path.name for path in packed.iterdir()}

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


def test_no_installed_package_is_under_the_gpl_alone() -> None:
    def licence_of(name: str) -> str:
        told = distribution(name).metadata
        classifiers = [line for line in told.get_all("Classifier", []) if line.startswith("License")]
        return told["License-Expression"] or "; ".join(classifiers) or told["License"] or ""

    licences = {name: licence_of(name) for name in dependencies()}
    is_gpl = re.compile(r"\bGPL|\bAGPL|GNU (Affero )?General Public")
    alone = {name: text for name, text in licences.items() if is_gpl.search(text) and " OR " not in text}
    assert alone == {}


def test_every_installed_package_has_its_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}
    assert dependencies() - pinned == set()


def dependencies() -> set[str]:
    """Names of all packages installed with musicgen and the extras for users."""
    known: set[tuple[str, str]] = set()
    pending = [(NAME, extra) for extra in ("", *EXTRAS)]
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
    return {name for name, _ in known} - {NAME}


PAGES = [
    path
    for pattern in ("*.md", "docs/*.md", "conf/**/*.yaml", "tests/**/*.toml")
    for path in ROOT.glob(pattern)
    if path.name != "log.md"
]


def test_hints_name_this_package_and_extras_that_exist() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAGES) + how_to_install("ray")
    hints = set(re.findall(r"'([\w.-]+)\[([\w,-]+)\]'", text))
    assert (NAME, "ray") in hints and (".", "dev") in hints
    assert {name for name, _ in hints} <= {NAME, "."}
    assert {extra for _, extras in hints for extra in extras.split(",")} <= {
        *PROJECT["optional-dependencies"]
    }


def dockerfile() -> dict[str, list[str]]:
    """Instruction -> what follows it, each time it is used."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            found.setdefault(instruction, []).append(rest)
    return found


def test_a_container_runs_the_readmes_first_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^python3 -m venv .*", readme, re.MULTILINE)
    assert command is not None
    install, _, train = command[0].rpartition(" && ")
    assert install in dockerfile()["RUN"]
    assert [json.loads(words) for words in dockerfile()["CMD"]] == [train.split()]


def test_an_image_holds_what_an_installation_needs_and_no_more() -> None:
    first, *lines = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert first == "*"
    needed = {"musicgen", "conf", "pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}
    constraints, (volume,) = "constraints.txt", dockerfile()["VOLUME"]
    kept = f"{volume.removeprefix('/musicgen/')}/.gitkeep"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == {*needed, constraints, kept}


def test_ci_has_the_oldest_and_the_newest_python() -> None:
    classifier = "Programming Language :: Python :: "
    versions = [line.removeprefix(classifier) for line in PROJECT["classifiers"] if classifier in line]
    tested = sorted((version for version in versions if "." in version), key=lambda one: int(one[2:]))
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    for job in ("tests", "package"):
        assert ci["jobs"][job]["strategy"]["matrix"]["python"] == [tested[0], tested[-1]]
    assert PROJECT["requires-python"] == f">={tested[0]}"
