from pathlib import Path

from musicgen.metrics.registry import METRICS
from musicgen.metrics.table import registry_as_markdown

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_the_page_on_evaluation_has_the_table_of_the_registry() -> None:
    table = registry_as_markdown()
    assert len(table.splitlines()) == len(METRICS) + 2
    assert table in PAGE.read_text(encoding="utf-8"), f"put this into docs/evaluation.md:\n{table}"
