"""Modules may import only from lower floors, not from other parts of their own floor."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "musicgen"

FLOORS = [
    {"cli"},
    {"train", "sample", "evaluate", "compare", "report", "listen", "play", "note", "store", "upload", "api"},
    {"reporting", "listening", "playing"},
    {"search"},
    {"sweep"},
    {"run"},
    {"effects"},
    {"records"},
    {"config"},
    {"training", "sampling", "metrics", "rendering", "tracking"},
    {"model"},
    {"corpus"},
    {"notation", "engine"},
    {"system"},
    {"errors", "seeds"},
]
WITHOUT_TORCH = {
    "api",
    "metrics",
    "records",
    "effects",
    "reporting",
    "listening",
    "playing",
    "notation",
    "corpus",
    "rendering",
    "tracking",
}
WITH_HYDRA = {"config", "sweep", "search", "train"}


def floor_of(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def modules() -> list[Path]:
    return sorted(
        path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE
    )


def imports_of(path: Path) -> set[str]:
    """Every module that the file imports, at the top or inside a function, except for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = part_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "musicgen" or len(parts) == 1 or parts[1] == part:
            continue
        assert floor_of(parts[1]) > floor_of(part), f"{path} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_only_where_allowed(path: Path) -> None:
    part = part_of(path)
    roots = {imported.split(".")[0] for imported in imports_of(path)}
    assert "torch" not in roots or part not in WITHOUT_TORCH
    assert not roots & {"hydra", "omegaconf"} or part in WITH_HYDRA
    assert "comet_ml" not in roots or part == "tracking"
    assert not roots & {"symusic", "verovio"} or part in {"rendering", "notation"}
    assert "music21" not in roots


def test_train_imports_neither_optuna_nor_torch_at_start() -> None:
    code = "import sys, musicgen.train; sys.exit('optuna' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_folder_has_tests() -> None:
    parts = {path.parent.name for path in modules() if path.parent != PACKAGE}
    tested = {path.parent.name for path in Path(__file__).parent.rglob("test_*.py")}
    assert parts <= tested


DELETING = {"unlink", "rmdir", "removedirs", "rmtree", "renames"}
"""Functions and methods that remove a file or a folder."""
AMBIGUOUS = {"os.remove", "os.rename", "os.replace", "os.truncate", "shutil.move"}
"""The same, with names that need their module to be recognised."""
OWNER = "system/files.py"


def deleting_names(path: Path) -> list[str]:
    """Every place in a module that names such a function, whether to call it or to pass it on."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and (node.attr in DELETING or ast.unparse(node) in AMBIGUOUS):
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "shutil"}:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found += [f"{path.name}:{node.lineno} {name}" for name in names if is_deleting(name)]
    return found


def is_deleting(name: str) -> bool:
    return name in AMBIGUOUS or name.split(".")[-1] in DELETING


def test_only_one_module_removes_files() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / OWNER]
    assert [name for path in modules for name in deleting_names(path)] == []


def test_deleting_calls_are_found(tmp_path: Path) -> None:
    lines = [
        "os.remove('x')",
        "path.unlink()",
        "run(shutil.rmtree)",
        "[].remove(1)",
        "from shutil import move",
    ]
    (tmp_path / "a.py").write_text("\n".join(lines))
    found = {"a.py:1 os.remove", "a.py:2 path.unlink", "a.py:3 shutil.rmtree", "a.py:5 shutil.move"}
    assert set(deleting_names(tmp_path / "a.py")) == found
