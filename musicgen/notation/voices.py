"""Which parts of a tune are its first voice. The others are not read.

Source: the ABC standard 2.1, section 7.
"""

from collections.abc import Iterable

_EVERY_VOICE = "*"
_DEFAULT_NAME = "1"


class FirstVoice:
    """Follows the V: fields of a tune's body."""

    def __init__(self, header: Iterable[tuple[str, str]]) -> None:
        """Take the first voice that the header's fields name, if they name any."""
        names = (_name(value) for letter, value in header if letter == "V")
        self.name = next((name for name in names if name != _EVERY_VOICE), None)
        self.is_here = True
        """Whether what comes next belongs to the first voice."""

    def change(self, value: str, has_music: bool) -> None:
        """Take a V: field. `has_music` says whether notes or rests came before it."""
        name = _name(value)
        if name == _EVERY_VOICE:
            return
        if self.name is None:
            # Music before any V: is voice 1.
            self.name = _DEFAULT_NAME if has_music else name
        self.is_here = name == self.name


def _name(value: str) -> str:
    """The voice that a V: field names, without its properties. Like abc2midi, an empty one is voice 1."""
    return (value.split(maxsplit=1) or [_DEFAULT_NAME])[0]
