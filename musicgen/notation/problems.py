"""The list of what could not be read in a tune: every line once, and not more than a page of them."""

LIMIT = 50


class Problems:
    """Collects problem lines in the order met. Text of any length gives at most `LIMIT` of them."""

    def __init__(self) -> None:
        """Start without problems."""
        self._lines: dict[str, None] = {}

    def add(self, line: str | None) -> None:
        """Keep the line unless it is None, is known already, or the list is full."""
        if line is not None and len(self._lines) < LIMIT:
            self._lines.setdefault(line)

    def lines(self) -> tuple[str, ...]:
        """What was collected."""
        return tuple(self._lines)


def quote(text: str) -> str:
    """The text in quotation marks, escaped to ASCII and cut to a readable length."""
    return ascii(text if len(text) <= 30 else text[:27] + "...")
