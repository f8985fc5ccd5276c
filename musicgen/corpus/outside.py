"""Corpora of other packages: a function that takes the data config and returns ABC text, or several texts.

It is an entry point of the group `musicgen.corpora`, or the config names it by its path.
"""

from musicgen.corpus.config import OWN_SOURCES, DataConfig
from musicgen.corpus.tunebook import FILE_START
from musicgen.errors import InputError, one_line
from musicgen.notation.lines import with_newlines
from musicgen.system.extensions import Extensions

_OUTSIDE = Extensions("musicgen.corpora", "source", OWN_SOURCES, path_form="package.module:function")


def check_source(source: str) -> None:
    """Raise InputError for a source that does not exist, or cannot be imported."""
    if source not in OWN_SOURCES:
        _OUTSIDE.load(source, _where(source))


def read_outside(config: DataConfig) -> str:
    """The text that the source of another package returns; several texts are joined by FILE_START.

    Raises InputError if the source fails, or returns anything but text below the limit of the config.
    """
    where = _where(config.source)
    read = _OUTSIDE.load(config.source, where)
    try:
        given = read(config)
        texts = [given] if isinstance(given, str) else list(given)
    except Exception as error:  # The code of another package may raise anything.
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{where}: {one_line(reason)}") from error
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"{where}: returned a {type(text).__name__} where ABC text is needed")
    text = with_newlines(f"\n{FILE_START}".join(texts))
    if not text.strip() or "\0" in text:
        raise InputError(f"{where}: returned {'binary data' if text.strip() else 'no text'}, not ABC tunes")
    if len(text.encode(errors="replace")) > config.max_megabytes * 10**6:
        raise InputError(
            f"{where}: exceeds the limit of {config.max_megabytes} MB of text; raise data.max_megabytes"
        )
    return text


def _where(source: str) -> str:
    return f"data.source={source}"
