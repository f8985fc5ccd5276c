"""A program that plays a soundfont of unknown origin: MIDI on standard input, samples on standard output.

It runs as a separate process (isolated.py), because a damaged soundfont may crash the synthesiser. The first
byte of an answer is 1 before float32 samples, and 0 before an error message.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from musicgen.errors import InputError
from musicgen.rendering.synthesis import play


def answer_to(midi: bytes, soundfont: Path, sample_rate: int) -> bytes:
    """The samples as raw bytes after a 1, or the error's line in UTF-8 after a 0."""
    try:
        return b"\x01" + play(midi, soundfont, sample_rate).tobytes()
    except InputError as error:
        return b"\x00" + str(error).encode("utf-8", errors="replace")


if __name__ == "__main__":
    soundfont, sample_rate = Path(sys.argv[1]), int(sys.argv[2])
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while length := requests.read(8):
        answer = answer_to(requests.read(int.from_bytes(length, "big")), soundfont, sample_rate)
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()
