from pathlib import Path

from musicgen.system.made import Made


def test_only_created_files_are_removed_again(tmp_path: Path) -> None:
    (tmp_path / "old" / "notes").mkdir(parents=True)
    (tmp_path / "old" / "train.log").write_text("mine")
    made = Made()
    for folder in (tmp_path / "old", tmp_path / "new" / "run"):
        made.expect_folder(folder / ".hydra")
        for path in (folder / "train.log", folder / ".hydra" / "config.yaml"):
            made.expect_file(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("ours")
    (tmp_path / "new" / "somebody else").touch()
    made.take_back()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["new", "new/somebody else", "old", "old/notes", "old/train.log"]
