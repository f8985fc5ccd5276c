from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.errors import InputError
from tests.sampling.test_generation import CONFIG


def test_a_literal_newline_escape_is_a_newline() -> None:
    assert CONFIG.read_prompts() == ["X:", "K:C\n"]


def test_prompts_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("X:1\\nK:D\nM:6/8\n")
    assert replace(CONFIG, prompts_file=str(path)).read_prompts() == ["X:1\nK:D", "M:6/8"]


def test_a_prompts_file_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "notepad.txt"
    path.write_bytes(b"\xef\xbb\xbfX:1\r\nX:2\r\n")
    assert replace(CONFIG, prompts_file=str(path)).read_prompts() == ["X:1", "X:2"]


def test_a_missing_or_empty_prompts_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sampling\.prompts_file=.*none\.txt: cannot read it"):
        replace(CONFIG, prompts_file=str(tmp_path / "none.txt")).read_prompts()
    (tmp_path / "empty.txt").touch()
    with pytest.raises(InputError, match="the file is empty; expected one prompt per line"):
        replace(CONFIG, prompts_file=str(tmp_path / "empty.txt")).read_prompts()


def test_a_prompt_must_leave_room_for_the_tune() -> None:
    with pytest.raises(InputError, match="leaves nothing to sample with sampling.max_chars=2"):
        replace(CONFIG, max_chars=2).read_prompts()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"range": "B5-D4"}, "range='B5-D4': the lowest note comes first"),
        ({"range": ["D4"]}, r"range=\['D4'\]: two notes are needed"),
        ({"range": "D4-H5"}, "range: invalid note 'H5'"),
        ({"max_draws": 5}, "max_draws=5: must be at least num_tunes=6"),
        ({"max_draws": 10**6, "max_chars": 10**4}, r"max_draws \* max_chars must be at most 1,000,000,000"),
    ],
)
def test_a_bad_range_or_limit_is_rejected(changes: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        replace(CONFIG, **changes)


def test_the_limit_of_draws_defaults_to_ten_times_the_tunes() -> None:
    assert CONFIG.most_draws == 60 and replace(CONFIG, max_draws=7).most_draws == 7


def test_the_total_size_is_limited() -> None:
    with pytest.raises(ValueError, match="num_tunes \\* max_chars must be at most"):
        replace(CONFIG, num_tunes=100_000, max_chars=1_000_000)
    with pytest.raises(ValueError, match="at most 100000 items"):
        replace(CONFIG, prompts=["X:"] * 100_001)
