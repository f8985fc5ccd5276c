import pytest
from rich.table import Table

from musicgen.system.terminal import plain, print_table


def test_rows_are_not_wrapped_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("one", box=None)
    # 156 characters, with a space on both sides.
    table.add_row("x" * 154)
    print_table(table)
    assert "x" * 154 in capsys.readouterr().out


def test_values_of_strangers_cannot_style_the_terminal() -> None:
    assert str(plain("[bold]a\nb\x1b[1m")) == "[bold]a\\nb\\x1b[1m"
