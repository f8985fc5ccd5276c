from pathlib import Path

import pandas
import pytest

from musicgen.errors import InputError
from musicgen.reporting.portable import check_portable, portable_command, portable_table, without_folders


@pytest.mark.parametrize(
    ("text", "portable"),
    [
        ("OSError: /data/tunes/a.abc: gone", "OSError: a.abc: gone"),
        ("in '/data/my tunes'", "in 'my tunes'"),
        (r"at C:\tunes\a.abc, line 3", "at a.abc, line 3"),
        ("see ~/notes/b", "see b"),
        ("6/8 and hydra/sweeper of https://example.org/a", "6/8 and hydra/sweeper of https://example.org/a"),
    ],
)
def test_a_path_in_a_text_keeps_its_last_name(text: str, portable: str) -> None:
    assert without_folders(text) == portable


def test_a_command_loses_only_its_folders() -> None:
    command = """python -m musicgen.train data.path=/data/a.abc 'sampling.prompts=["K:D\\n/A/B"]' model=gru"""
    portable = command.replace("/data/", "")
    assert portable_command(f"{command} paths.outputs=/out rendering.soundfont=flute.sf2") == portable


def test_columns_of_paths_are_dropped() -> None:
    table = pandas.DataFrame(
        {
            "directory": ["/runs/a", "b"],
            "value": [0.5, '["/A|"]'],
            "error": [None, "gone: /runs/a"],
            "data.path": ["/data/a.abc", "a.abc"],
            "paths.outputs": ["outputs", "outputs"],
            "seed": [0, 1],
        }
    )
    kept = portable_table(table)
    assert list(kept.columns) == ["directory", "value", "error", "seed"]
    assert list(kept["directory"]) == ["a", "b"] and list(kept["value"]) == [0.5, '["/A|"]']
    assert list(kept["error"])[1] == "gone: a"


def test_only_whole_folder_names_are_refused(tmp_path: Path) -> None:
    check_portable(f"{tmp_path}-other and /", "words", [tmp_path, Path("/")])
    with pytest.raises(InputError, match="words: names the folder"):
        check_portable(f"see {tmp_path}/a", "words", [tmp_path])
