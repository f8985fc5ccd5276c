"""What could not be read in a tune: one line per kind of problem, and a bounded number of lines."""

MAX_PROBLEMS = 50


class Problems:
    """Collects distinct problem lines in the order met, at most `MAX_PROBLEMS` of them."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def add(self, line: str | None) -> None:
        """Keep the line unless it is None, already known, or the list is full."""
        if line is not None and len(self._lines) < MAX_PROBLEMS:
            self._lines.setdefault(line)

    def lines(self) -> tuple[str, ...]:
        """The lines so far, in the order met."""
        return tuple(self._lines)


def quote(text: str) -> str:
    """The text in quotation marks, escaped to ASCII and shortened to 30 characters."""
    return ascii(text if len(text) <= 30 else text[:27] + "...")
