"""What other packages add is found by a name or a path, and only trusted paths are followed."""

from pathlib import Path

import pytest

from musicgen.errors import InputError
from musicgen.system.extensions import TRUST, Extensions, is_trusted, trusted_modules
from musicgen.system.files import source_code
from tests.made_packages import install

THINGS = Extensions("musicgen.things", "thing", ("built_in",), path_form="package.module:Class")
GROUP = "musicgen.things"


def refusal(name: str) -> str:
    with pytest.raises(InputError) as error:
        THINGS.load(name, f"thing={name}")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_installed_name_and_its_path_are_the_same(packages: Path) -> None:
    install(packages, "mine_of_a_test", "def make(): return 7", GROUP, mine="mine_of_a_test:make")
    assert THINGS.load("mine", "thing=mine")() == 7
    assert THINGS.load("mine_of_a_test:make", "thing=…")() == 7
    assert THINGS.code_of("mine", "thing=mine") == THINGS.code_of("mine_of_a_test:make", "thing=…")


def test_a_path_needs_trust(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (packages / "mine_of_a_test.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    assert refusal("mine_of_a_test:make") == (
        "thing=mine_of_a_test:make: a config must not choose which code runs; if this code is yours, set "
        "MUSICGEN_TRUST=mine_of_a_test in the environment"
    )
    (packages / "mine_of_a_test.py").write_text("def make(): return 7", encoding="utf-8")
    monkeypatch.setenv(TRUST, "other, mine_of_a_test,")
    assert THINGS.load("mine_of_a_test:make", "thing=…")() == 7


def test_what_a_package_does_not_announce_needs_trust(packages: Path) -> None:
    code = "def make(): ...\ndef delete_everything(): ..."
    install(packages, "mine_of_a_test", code, GROUP, mine="mine_of_a_test:make")
    assert "MUSICGEN_TRUST" in refusal("mine_of_a_test:delete_everything")


def test_trust_covers_the_modules_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST, "mine.cells")
    assert is_trusted("mine.cells") and is_trusted("mine.cells.leaky")
    assert not (is_trusted("mine") or is_trusted("mine.cells2") or is_trusted("cells"))


@pytest.mark.parametrize("value", ["*", "mine.*", "mine:Class", "../mine", "mine.", "a b"])
def test_trust_in_anything_but_modules_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(TRUST, f"mine,{value}")
    with pytest.raises(InputError, match="MUSICGEN_TRUST: .* is not a module"):
        trusted_modules()


def test_a_trusted_module_may_be_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: Path
) -> None:
    (tmp_path / "here_of_a_test.py").write_text("def make(): return 7", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TRUST, "here_of_a_test")
    assert THINGS.load("here_of_a_test:make", "thing=…")() == 7


def test_an_unknown_name_lists_what_is_installed(packages: Path) -> None:
    install(packages, "mine_of_a_test", "", GROUP, mine="mine_of_a_test:make", built_in="mine_of_a_test:make")
    assert refusal("yours") == (
        "thing=yours: no such thing; installed are built_in, mine, or a path such as package.module:Class"
    )
    # Not a path: it would reach what the module has imported.
    assert "no such thing" in refusal("mine_of_a_test:os.system")


def test_a_package_installed_meanwhile_is_found(packages: Path) -> None:
    assert "no such thing" in refusal("mine")
    install(packages, "mine_of_a_test", "def make(): return 7", GROUP, mine="mine_of_a_test:make")
    assert THINGS.load("mine", "thing=mine")() == 7


def test_edited_code_is_other_code(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST, "alone_of_a_test,several_of_a_test")
    (packages / "several_of_a_test").mkdir()
    paths = {
        "alone_of_a_test:make": packages / "alone_of_a_test.py",
        "several_of_a_test.cells:make": packages / "several_of_a_test" / "cells.py",
    }
    other = packages / "several_of_a_test" / "layers.py"
    for path in (*paths.values(), other):
        path.write_text("def make(): return 7", encoding="utf-8")

    def codes() -> list[str]:
        return [THINGS.code_of(name, "thing=…") for name in paths]

    before = codes()
    assert before == codes() and all(map(str.startswith, before, paths))
    other.write_text("def make(): return 8", encoding="utf-8")
    source_code.cache_clear()
    assert [old == new for old, new in zip(before, codes(), strict=True)] == [True, False]
    paths["alone_of_a_test:make"].write_text("def make(): return 8", encoding="utf-8")
    assert codes()[0] != before[0]
