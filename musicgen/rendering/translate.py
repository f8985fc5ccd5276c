"""A program that translates ABC to MusicXML: standard input to standard output, framed as in isolated.py.

It runs as a separate process because music21 takes seconds to import and raises errors of any kind. An empty
answer means that it could not read the tune.
"""

import logging
import sys

from music21 import converter
from music21.musicxml.m21ToXml import GeneralObjectExporter


def translate(abc: str) -> bytes:
    """The tune as MusicXML; empty if music21 cannot read it."""
    try:
        return GeneralObjectExporter().parse(converter.parse(abc, format="abc"))
    except Exception:
        # music21 has no common class of errors.
        logging.exception("no MusicXML")
        return b""


if __name__ == "__main__":
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    # music21 prints to standard output, too.
    sys.stdout = sys.stderr
    while length := requests.read(8):
        answer = translate(requests.read(int.from_bytes(length, "big")).decode("utf-8"))
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()
