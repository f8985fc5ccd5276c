"""A tune as MusicXML, which programs for notation read."""

from pathlib import Path

from musicgen.rendering.isolated import IsolatedProgram

_TRANSLATOR = Path(__file__).with_name("translate.py")
_MAX_SECONDS = 120.0
_MAX_MEMORY_BYTES = 4 * 2**30


def to_music_xml(abc: str) -> bytes | None:
    """The tune, translated by music21; None if it cannot read it. Takes seconds, most of them to start."""
    program = IsolatedProgram(_TRANSLATOR, memory_bytes=_MAX_MEMORY_BYTES)
    patience_seconds = 0.0
    try:
        answer = program.ask(abc.encode("utf-8", errors="replace"), _MAX_SECONDS)
        patience_seconds = 5.0
    except TimeoutError:
        answer = None
    finally:
        program.end(patience_seconds)
    return answer or None
